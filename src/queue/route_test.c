// SPDX-License-Identifier: MIT
// Where mail goes, for every state that the DNS can be in, over a resolver and an HTTP client that answer from text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"
#include "queue/fake_dns.h"
#include "queue/fake_http.h"
#include "queue/route.h"
#include "store/sts_ops.h"
#include "store/test_support.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct world {
    struct fixture f;
    struct config_holder *config;
    struct dns_resolver dns;
    struct http_client http;
    struct route_finder *finder;
    struct route *route;
} w;

static void start(const char *zone, const char *const *overrides) {
    static const char *const none[] = {"mail_domain=relay.test", NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test", overrides != NULL ? overrides : none, NULL, NULL);
    assert_non_null(c);
    w.config = config_holder_new(c);
    fake_dns_init(&w.dns, zone);
    w.http = (struct http_client){.loop = w.f.loop, .outcome = HTTP_FAILED_CONNECT};
    w.finder = route_finder_new(&(struct route_settings){
        .config = w.config, .loop = w.f.loop, .dns = &w.dns, .http = &w.http, .store = w.f.store});
}

static void stop(void) {
    route_free(w.route);
    w.route = NULL;
    route_finder_free(w.finder);
    config_holder_free(w.config);
    fake_dns_done(&w.dns);
    assert_int_equal(w.http.n_open, 0);
}

static void on_route(void *arg, struct route *route) {
    assert_null(w.route);
    w.route = route;
    loop_stop(w.f.loop);
}

static void find(const char *destination) {
    route_free(w.route);
    w.route = NULL;
    (void)route_find(w.finder, slice_from_cstr(destination), on_route, NULL);
    assert_null(w.route);
    loop_run(w.f.loop);
}

static void write_host(struct buf *out, const struct transport_host *h) {
    static const char *const checks[] = {[TLS_CHECK_ANY] = "any", [TLS_CHECK_PKIX] = "pkix", [TLS_CHECK_DANE] = "dane"};
    bool ok = buf_printf(out, "%s%s(", buf_slice(out).len > 0 ? " " : "", h->name);
    for (size_t i = 0; i < h->n_addresses; i++) {
        char address[NET_ADDRESS_TEXT_MAX];
        net_address_write(&h->addresses[i], address);
        ok = ok && buf_printf(out, "%s%s", i > 0 ? "," : "", address);
    }
    ok = ok && buf_printf(out, ")%s", checks[h->check]);
    for (size_t i = 0; i < h->n_tlsa; i++)
        ok = ok && buf_printf(out, ":%u%u%u", h->tlsa[i].usage, h->tlsa[i].selector, h->tlsa[i].matching);
    if (h->tls_name != NULL)
        ok = ok && buf_printf(out, "=%s", h->tls_name);
    ok = ok && buf_printf(out, "%s", h->may_be_clear ? "+clear" : "");
    assert_true(ok);
}

// "mx.b.example(192.0.2.1)pkix" for each host, or the reply.
static const char *written(void) {
    static char text[8192];
    struct buf out;
    buf_init(&out, sizeof(text) - 1);
    for (size_t i = 0; i < w.route->n_hosts; i++)
        write_host(&out, &w.route->hosts[i]);
    if (w.route->n_hosts == 0) {
        assert_int_equal(w.route->failure.code, strtol(w.route->failure.text, NULL, 10));
        assert_true(buf_append_cstr(&out, w.route->failure.text));
    } else {
        assert_int_equal(w.route->failure.code, 0);
    }
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(buf_slice(&out)));
    buf_done(&out);
    return text;
}

struct row {
    const char *zone, *destination, *want;
};

static void run_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        start(rows[i].zone, NULL);
        find(rows[i].destination);
        if (strcmp(written(), rows[i].want) != 0)
            fail_msg("%s with\n%s\ngot  %s\nwant %s", rows[i].destination, rows[i].zone, written(), rows[i].want);
        stop();
    }
}

static void test_literals(void **state) {
    static const struct row rows[] = {
        {"", "[192.0.2.1]", "192.0.2.1(192.0.2.1)any"},
        {"", "[IPv6:2001:DB8::1]", "2001:db8::1(2001:db8::1)any"},
        {"", "[ipv6:2001:db8::1]", "2001:db8::1(2001:db8::1)any"},
        {"", "[2001:db8::1]", "501 5.1.2 [2001:db8::1] is no domain name"},
        {"", "[IPv6:192.0.2.1]", "501 5.1.2 [ipv6:192.0.2.1] is no domain name"},
        {"", "[IPv6:::]", "501 5.1.2 [ipv6:::] is no domain name"},
        {"", "[192.0.2.1", "501 5.1.2 [192.0.2.1 is no domain name"},
        {"", "[]", "501 5.1.2 [] is no domain name"},
        {"", "192.0.2.1", "501 5.1.2 192.0.2.1 is no domain name"},
        {"", "a..b", "501 5.1.2 a..b is no domain name"},
        {"", "", "501 5.1.2  is no domain name"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

static void test_mx(void **state) {
    static const struct row rows[] = {
        {"b.example MX 10 mx.b.example\nmx.b.example A 192.0.2.1", "b.example", "mx.b.example(192.0.2.1)pkix"},
        {"b.example MX 10 mx.b.example\nmx.b.example A 192.0.2.1", "B.Example", "mx.b.example(192.0.2.1)pkix"},
        {"b.example MX 10 mx.b.example\nmx.b.example AAAA 2001:db8::1", "b.example", "mx.b.example(2001:db8::1)pkix"},
        {"b.example MX 10 m.b.example\nm.b.example A 192.0.2.1\nm.b.example A 192.0.2.2\nm.b.example AAAA 2001:db8::1",
         "b.example", "m.b.example(2001:db8::1,192.0.2.1,192.0.2.2)pkix"},
        {"b.example MX 20 c.test\nb.example MX 10 z.test\nb.example MX 10 a.test\nb.example MX 5 n.test\n"
         "a.test A 192.0.2.1\nz.test A 192.0.2.2\nc.test A 192.0.2.3",
         "b.example", "a.test(192.0.2.1)pkix z.test(192.0.2.2)pkix c.test(192.0.2.3)pkix"},
        {"b.example MX 0 .", "b.example", "556 5.1.10 Permanent failure: Recipient address has null MX"},
        {"b.example MX 0 .\nb.example MX 10 mx.test\nmx.test A 192.0.2.1", "b.example", "mx.test(192.0.2.1)pkix"},
        {"", "b.example", "512 Domain b.example does not exist"},
        {"b.example TXT x\nb.example A 192.0.2.1", "b.example", "b.example(192.0.2.1)pkix"},
        {"x.b.example A 192.0.2.1", "b.example", "550 5.4.4 No mail host of b.example has an address"},
        {"b.example CNAME c.test\nc.test A 192.0.2.1", "b.example", "b.example(192.0.2.1)pkix"},
        {"b.example CNAME c.test\nc.test MX 1 m.test\nm.test A 192.0.2.1", "b.example", "m.test(192.0.2.1)pkix"},
        {"b.example CNAME c.test\nc.test CNAME b.example", "b.example", "421 DNS resolution failed for b.example"},
        {"b.example MX 1 m.test\nm.test CNAME m.test", "b.example", "421 DNS resolution failed for b.example"},
        {"b.example MX !failed", "b.example", "421 DNS resolution failed for b.example"},
        {"b.example MX !bogus", "b.example",
         "421 DNS resolution failed for b.example: the answer is not validly signed (DNSSEC)"},
        {"b.example MX !garbage", "b.example",
         "421 DNS resolution failed for b.example: no MX record of it can be used"},
        {"b.example MX 10 192.0.2.1", "b.example",
         "421 DNS resolution failed for b.example: no MX record of it can be used"},
        {"b.example MX 10 localhost\nb.example MX 20 m.test\nm.test A 192.0.2.1", "b.example", "m.test(192.0.2.1)pkix"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

static void test_addresses(void **state) {
    static const struct row rows[] = {
        {"b.example MX 1 a.test\nb.example MX 2 m.test\nm.test A 192.0.2.1", "b.example", "m.test(192.0.2.1)pkix"},
        {"b.example MX 1 a.test\nb.example MX 2 m.test\nm.test A 192.0.2.1\na.test A !failed\na.test AAAA !bogus",
         "b.example", "m.test(192.0.2.1)pkix"},
        {"b.example MX 1 a.test\nb.example MX 2 m.test", "b.example",
         "550 5.4.4 No mail host of b.example has an address"},
        {"b.example MX 1 a.test\nb.example MX 2 m.test\nm.test A 0.0.0.0", "b.example",
         "421 4.4.4 No mail host of b.example has an address"},
        {"b.example TXT x\nb.example A !failed", "b.example", "421 DNS resolution failed for b.example"},
        {"b.example TXT x\nb.example AAAA !bogus", "b.example", "421 DNS resolution failed for b.example"},
        {"b.example MX 1 a.test\nb.example MX 2 m.test\nm.test A !failed", "b.example",
         "421 DNS resolution failed for b.example"},
        {"b.example MX 1 m.test\nm.test A 192.0.2.1\nm.test AAAA !failed", "b.example", "m.test(192.0.2.1)pkix"},
        {"b.example MX 1 m.test\nm.test AAAA 2001:db8::1\nm.test A !bogus", "b.example", "m.test(2001:db8::1)pkix"},
        {"b.example MX 1 m.test\nm.test A !garbage", "b.example", "421 4.4.4 No mail host of b.example has an address"},
        {"b.example MX 1 m.test\nm.test A 0.0.0.0\nm.test AAAA ::", "b.example",
         "421 4.4.4 No mail host of b.example has an address"},
        {"b.example MX 1 m.test\nm.test CNAME x.test\nx.test A 192.0.2.1", "b.example", "m.test(192.0.2.1)pkix"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

static void test_exceptions(void **state) {
    static const struct row rows[] = {
        {"_b.example A 192.0.2.1", "_b.example", "_b.example(192.0.2.1)any"},
        {"_b.example MX 1 mx.test\nmx.test A 192.0.2.1", "_b.example", "mx.test(192.0.2.1)any"},
        {"sign test\n_b.test A 192.0.2.1\n_25._tcp._b.test TLSA 3 1 1 " HASH, "_b.test", "_b.test(192.0.2.1)any"},
        {"", "_b.example", "512 Domain _b.example does not exist"},
        {"nauta.cu MX 1 mx.nauta.cu\nmx.nauta.cu A 192.0.2.1", "nauta.cu", "mx.nauta.cu(192.0.2.1)pkix+clear"},
        {"x.nauta.cu A 192.0.2.1", "x.nauta.cu", "x.nauta.cu(192.0.2.1)pkix"},
        {"sign cu\nnauta.cu A 192.0.2.1\n_25._tcp.nauta.cu TLSA 3 1 1 " HASH, "nauta.cu",
         "nauta.cu(192.0.2.1)dane:311"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

// RFC 5321 section 5.1: our own place in the list ends it.
static void test_ourselves(void **state) {
    static const struct row rows[] = {
        {"b.example MX 10 relay.test\nb.example MX 20 m.test\nm.test A 192.0.2.1", "b.example",
         "554 5.4.6 Mail for b.example would come back: its best MX host is this relay"},
        {"b.example MX 10 a.test\nb.example MX 10 RELAY.test\nb.example MX 5 m.test\nm.test A 192.0.2.1\n"
         "a.test A 192.0.2.2",
         "b.example", "m.test(192.0.2.1)pkix"},
        {"b.example MX 10 relay.test\nrelay.test A 192.0.2.9", "b.example",
         "554 5.4.6 Mail for b.example would come back: its best MX host is this relay"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

#define SIGNED_MX "sign b.test\nb.test MX 1 m.b.test\nm.b.test A 192.0.2.1\n"

static void test_dane(void **state) {
    static const struct row rows[] = {
        {SIGNED_MX "_25._tcp.m.b.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)dane:311"},
        {SIGNED_MX "_25._tcp.m.b.test TLSA 2 0 2 " HASH HASH "\n_25._tcp.m.b.test TLSA 3 0 0 3082", "b.test",
         "m.b.test(192.0.2.1)dane:202:300"},
        {SIGNED_MX, "b.test", "m.b.test(192.0.2.1)pkix"},
        {SIGNED_MX "_25._tcp.m.b.test TXT x", "b.test", "m.b.test(192.0.2.1)pkix"},
        // Records that cannot be used do not weaken the check of the name.
        {SIGNED_MX "_25._tcp.m.b.test TLSA 1 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)pkix"},
        {SIGNED_MX "_25._tcp.m.b.test TLSA 3 1 1 0011", "b.test", "m.b.test(192.0.2.1)pkix"},
        {SIGNED_MX "_25._tcp.m.b.test TLSA 3 2 1 " HASH, "b.test", "m.b.test(192.0.2.1)pkix"},
        {SIGNED_MX "_25._tcp.m.b.test TLSA !garbage", "b.test", "m.b.test(192.0.2.1)pkix"},
        // Never downgraded.
        {SIGNED_MX "_25._tcp.m.b.test TLSA !failed", "b.test",
         "451 4.7.5 DNS resolution failed for the TLSA records of m.b.test"},
        {SIGNED_MX "_25._tcp.m.b.test TLSA !bogus\nb.test MX 2 n.test\nn.test A 192.0.2.2", "b.test",
         "n.test(192.0.2.2)pkix"},
        // Not everything on the way is signed.
        {"sign c.test\nb.test MX 1 m.c.test\nm.c.test A 192.0.2.1\n_25._tcp.m.c.test TLSA 3 1 1 " HASH, "b.test",
         "m.c.test(192.0.2.1)pkix"},
        {"sign b.test\nb.test MX 1 m.c.test\nm.c.test A 192.0.2.1\n_25._tcp.m.c.test TLSA 3 1 1 " HASH, "b.test",
         "m.c.test(192.0.2.1)pkix"},
        {"sign b.test\nb.test MX 1 m.c.test\nm.c.test A 192.0.2.1\n_25._tcp.m.c.test TLSA !failed", "b.test",
         "m.c.test(192.0.2.1)pkix"},
        // The domain itself (RFC 7672 section 2.2.2).
        {"sign b.test\nb.test A 192.0.2.1\n_25._tcp.b.test TLSA 3 1 1 " HASH, "b.test", "b.test(192.0.2.1)dane:311"},
        // One family cannot be had: what there is proves itself.
        {SIGNED_MX "m.b.test AAAA !bogus\n_25._tcp.m.b.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)dane:311"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

#define ALIAS "sign b.test\nb.test MX 1 m.b.test\nm.b.test CNAME h.c.test\nh.c.test A 192.0.2.1\n"

static void test_dane_aliases(void **state) {
    static const struct row rows[] = {
        {ALIAS "sign c.test\n_25._tcp.h.c.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)dane:311=h.c.test"},
        {ALIAS "sign c.test\n_25._tcp.m.b.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)dane:311"},
        {ALIAS "sign c.test\n_25._tcp.h.c.test TLSA !failed\n_25._tcp.m.b.test TLSA 3 1 1 " HASH, "b.test",
         "451 4.7.5 DNS resolution failed for the TLSA records of m.b.test"},
        {ALIAS "sign c.test", "b.test", "m.b.test(192.0.2.1)pkix"},
        {ALIAS "_25._tcp.m.b.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)dane:311"},
        {ALIAS "_25._tcp.h.c.test TLSA 3 1 1 " HASH, "b.test", "m.b.test(192.0.2.1)pkix"},
        {ALIAS "_25._tcp.m.b.test TLSA !bogus", "b.test",
         "451 4.7.5 DNS resolution failed for the TLSA records of m.b.test"},
    };
    run_rows(rows, ARRAY_LEN(rows));
}

// ---- MTA-STS ----

#define STS_ZONE                                                                                                       \
    "_mta-sts.s.test TXT v=STSv1; id=1\nmta-sts.s.test A 192.0.2.80\ns.test MX 1 m.s.test\ns.test MX 2 evil.test\n"    \
    "m.s.test A 192.0.2.1\nevil.test A 192.0.2.66\n"

static void publish(const char *mode, const char *mx) {
    static char body[256];
    (void)snprintf(body, sizeof(body), "version: STSv1\nmode: %s\nmx: %s\nmax_age: 86400\n", mode, mx);
    w.http.outcome = HTTP_ANSWERED;
    w.http.status = 200;
    w.http.content_type = "text/plain";
    w.http.body = body;
}

static void test_sts(void **state) {
    static const struct {
        const char *mode, *mx, *more, *want;
        uint64_t refusals, mismatches;
    } cases[] = {
        {"enforce", "*.s.test", "", "m.s.test(192.0.2.1)pkix", 0, 0},
        {"enforce", "*.test", "", "evil.test(192.0.2.66)pkix", 0, 0},
        {"testing", "m.s.test", "", "m.s.test(192.0.2.1)pkix evil.test(192.0.2.66)pkix", 0, 1},
        {"none", "m.s.test", "", "m.s.test(192.0.2.1)pkix evil.test(192.0.2.66)pkix", 0, 0},
        {"enforce", "x.s.test", "",
         "451 4.7.5 No mail host of s.test is one that its MTA-STS policy allows (m.s.test is not)", 1, 0},
        {"enforce", "x.s.test", "sign s.test\n_25._tcp.m.s.test TLSA 3 1 1 " HASH, "m.s.test(192.0.2.1)dane:311", 0, 0},
        {"enforce", "m.s.test", "sign s.test\n_25._tcp.m.s.test TLSA !bogus",
         "451 4.7.5 No mail host of s.test is one that its MTA-STS policy allows (evil.test is not)", 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char zone[1024];
        (void)snprintf(zone, sizeof(zone), STS_ZONE "%s", cases[i].more);
        start(zone, NULL);
        publish(cases[i].mode, cases[i].mx);
        find("s.test");
        struct route_counts counts = route_finder_counts(w.finder);
        if (strcmp(written(), cases[i].want) != 0 || counts.sts_refusals != cases[i].refusals ||
            counts.sts_testing_mismatches != cases[i].mismatches)
            fail_msg("%s %s: got %s, %d, %d\nwant %s", cases[i].mode, cases[i].mx, written(), (int)counts.sts_refusals,
                     (int)counts.sts_testing_mismatches, cases[i].want);
        stop();
        assert_int_equal(run_and_free(&w.f, &store_sts_forget_new(SLICE("s.test"))->op), STORE_OK);
    }
}

// ---- bounds, and the end ----

static void test_huge(void **state) {
    static char zone[64 * 1024];
    size_t len = 0;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(zone + len, sizeof(zone) - len, "h.test MX %d m%02d.test\n", i % 3, i);
    for (int i = 0; i < 60; i++)
        len += (size_t)snprintf(zone + len, sizeof(zone) - len, "m00.test A 192.0.2.%d\nm00.test AAAA 2001:db8::%d\n",
                                i + 1, i + 1);
    start(zone, NULL);
    find("h.test");
    assert_int_equal(w.route->n_hosts, 1); // the others have none
    assert_int_equal(w.route->hosts[0].n_addresses, TRANSPORT_ADDRESSES_MAX);
    size_t n_ipv4 = 0;
    for (size_t i = 0; i < TRANSPORT_ADDRESSES_MAX; i++)
        n_ipv4 += net_address_is_ipv4(&w.route->hosts[0].addresses[i]);
    assert_int_equal(n_ipv4, TRANSPORT_ADDRESSES_MAX / 2);
    assert_int_equal(w.dns.n_asked, 2 + 2 * ROUTE_HOSTS_MAX);
    assert_int_equal(w.route->ttl_s, 60);
    stop();
    // Of the hosts that were not looked at one may have an address.
    *strstr(zone, "m00.test A") = '\0';
    start(zone, NULL);
    find("h.test");
    assert_string_equal(written(), "421 4.4.4 No mail host of h.test has an address");
    stop();
}

static void test_disabled_ipv6(void **state) {
    static const char *const overrides[] = {"mail_domain=relay.test", "disable_ipv6=true", NULL};
    start("b.test MX 1 m.test\nm.test A 192.0.2.1\nm.test AAAA 2001:db8::1", overrides);
    find("b.test");
    assert_string_equal(written(), "m.test(192.0.2.1)pkix");
    assert_null(strstr(w.dns.asked, "AAAA"));
    assert_int_equal(w.route->ttl_s, 300);
    stop();
    // It may have an IPv6 address, which nobody asked for.
    start("b.test TXT x", overrides);
    find("b.test");
    assert_string_equal(written(), "421 4.4.4 No mail host of b.test has an address");
    stop();
}

static void never(void *arg, struct route *route) {
    fail();
}

static void test_cancel(void **state) {
    static const char *const zones[] = {
        "b.test MX !never\n",
        "b.test MX 1 m.test\nm.test A !never\n",
        "sign test\nb.test MX 1 m.test\nm.test A 192.0.2.1\n_25._tcp.m.test TLSA !never\n",
        "sign b.test\nb.test MX 1 m.b.test\nm.b.test CNAME m.test\nm.b.test CNAME !never\nm.test A 192.0.2.1\n",
        "b.test A 192.0.2.1\n_mta-sts.b.test TXT !never\n",
        "b.test A 192.0.2.1\n_mta-sts.b.test TXT v=STSv1; id=1\nmta-sts.b.test A 192.0.2.1\n", // HTTPS is silent
    };
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        start(zones[i], NULL);
        w.http.is_silent = true;
        struct route_request *r = route_find(w.finder, SLICE("b.test"), never, NULL);
        for (int k = 0; k < 20; k++) {
            loop_run_ready(w.f.loop);
            (void)usleep(1000); // the store has threads of its own
        }
        route_cancel(r);
        loop_run_ready(w.f.loop);
        stop();
    }
    start("", NULL);
    route_cancel(route_find(w.finder, SLICE("[192.0.2.1]"), never, NULL));
    route_cancel(route_find(w.finder, SLICE("b.test"), never, NULL));
    route_cancel(NULL);
    loop_run_ready(w.f.loop);
    stop();
}

static int set_up(void **state) {
    fixture_init(&w.f);
    return 0;
}

static int tear_down(void **state) {
    fixture_done(&w.f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),      cmocka_unit_test(test_mx),        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_exceptions),    cmocka_unit_test(test_ourselves), cmocka_unit_test(test_dane),
        cmocka_unit_test(test_dane_aliases),  cmocka_unit_test(test_sts),       cmocka_unit_test(test_huge),
        cmocka_unit_test(test_disabled_ipv6), cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
