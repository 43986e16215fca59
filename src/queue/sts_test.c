// SPDX-License-Identifier: MIT
// MTA-STS policies over time: fetched once, kept through trouble, refreshed behind the answer, never waited for long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "queue/fake_dns.h"
#include "queue/fake_http.h"
#include "queue/sts.h"
#include "queue/sts_fetch.h"
#include "store/test_support.h"

enum { NOW = 1800000000, DAY = 86400, FIRST_WAIT_MS = 50 };
enum { TICK_MS = 10 };          // of the clock that libevent looks at
enum { STEPS_MAX = 60 * 1000 }; // of a millisecond or more, after which a test hangs

static struct world {
    struct fixture f;
    struct config_holder *config;
    struct dns_resolver dns;
    struct http_client http;
    struct sts *sts;
    char got[512]; // "2 mx.s.test\n", with " late"; "" before
    uint64_t mono_us;
    int64_t wall_s;
} w;

#define ZONE(id) "_mta-sts.s.test TXT v=STSv1; id=" id "\nmta-sts.s.test A 192.0.2.80\n"
#define POLICY(mode) "version: STSv1\nmode: " mode "\nmx: mx.s.test\nmax_age: 604800\n"
#define FETCHED "2 mx.s.test\n"

static void use_zone(const char *zone) {
    fake_dns_done(&w.dns);
    fake_dns_init(&w.dns, zone);
}

static void use_policy(const char *body) {
    w.http.outcome = HTTP_ANSWERED;
    w.http.status = 200;
    w.http.content_type = "text/plain; charset=utf-8";
    w.http.body = body;
    w.http.is_silent = false;
}

static void pass(int64_t seconds) {
    w.mono_us += (uint64_t)seconds * 1000000;
    w.wall_s += seconds;
    clock_set_fake(w.mono_us, w.wall_s);
}

static void begin(uint32_t first_wait_ms) {
    w.sts = sts_new(&(struct sts_settings){.config = w.config,
                                           .loop = w.f.loop,
                                           .dns = &w.dns,
                                           .http = &w.http,
                                           .store = w.f.store,
                                           .first_wait_ms = first_wait_ms});
}

static int set_up(void **state) {
    memset(&w, 0, sizeof(w));
    w.mono_us = 1000000;
    w.wall_s = NOW;
    clock_set_fake(w.mono_us, w.wall_s);
    fixture_init(&w.f);
    struct config *c = config_parse(SLICE("[params]\nmail_domain = relay.test\noutbound_https_port = 8443\n"), "test",
                                    NULL, NULL, NULL);
    assert_non_null(c);
    w.config = config_holder_new(c);
    fake_dns_init(&w.dns, ZONE("1"));
    w.http = (struct http_client){.loop = w.f.loop};
    use_policy(POLICY("enforce"));
    begin(0);
    return 0;
}

static int tear_down(void **state) {
    sts_free(w.sts);
    assert_int_equal(w.http.n_open, 0);
    fake_dns_done(&w.dns);
    config_holder_free(w.config);
    fixture_done(&w.f);
    clock_use_real();
    return 0;
}

static void on_answer(void *arg, const struct sts_answer *a) {
    assert_string_equal(w.got, "");
    (void)snprintf(w.got, sizeof(w.got), "%d %.*s%s", (int)a->mode, SLICE_FMT(a->mx), a->is_late ? " late" : "");
    loop_stop(w.f.loop);
}

static const char *find(const char *domain) {
    w.got[0] = '\0';
    (void)sts_find(w.sts, slice_from_cstr(domain), on_answer, NULL);
    assert_string_equal(w.got, "");
    loop_run(w.f.loop);
    return w.got;
}

// What goes on behind the answers comes to its end.
static void settle(void) {
    for (int i = 0; i < STEPS_MAX && sts_jobs(w.sts) > 0; i++) {
        loop_run_ready(w.f.loop);
        (void)usleep(1000);
    }
    assert_int_equal(sts_jobs(w.sts), 0);
}

static void expect(const char *want, size_t asked, size_t fetched) {
    const char *got = find("s.test");
    settle();
    if (strcmp(got, want) != 0 || w.dns.n_asked != asked || w.http.n_calls != fetched)
        fail_msg("got \"%s\" %zu asked %zu fetched, want \"%s\" %zu %zu", got, w.dns.n_asked, w.http.n_calls, want,
                 asked, fetched);
    w.dns.n_asked = 0;
    w.http.n_calls = 0;
}

static void test_first_fetch(void **state) {
    expect(FETCHED, 3, 1);
    assert_string_equal(w.http.url, "https://mta-sts.s.test:8443/.well-known/mta-sts.txt");
    assert_int_equal(w.http.check, TLS_CHECK_PKIX);
    expect(FETCHED, 0, 0);
    pass(STS_MEMORY_MS / 1000 + 1); // the record is looked at again
    expect(FETCHED, 1, 0);
}

static void test_policy_outlives_restart_and_trouble(void **state) {
    expect(FETCHED, 3, 1);
    sts_free(w.sts);
    fixture_close(&w.f);
    fixture_open(&w.f);
    begin(0);
    static const char *const zones[] = {"_mta-sts.s.test TXT !failed\n", "_mta-sts.s.test TXT !bogus\n", "",
                                        "_mta-sts.s.test TXT v=STSv1; id=!\n"};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        use_zone(zones[i]);
        expect(FETCHED, 1, 0);
        pass(DAY);
    }
    use_zone(ZONE("2")); // a new one that cannot be fetched
    w.http.outcome = HTTP_FAILED_TLS;
    expect(FETCHED, 3, 1);
    expect(FETCHED, 0, 0); // not at once again
    pass(4 * DAY);
    expect("0 ", 3, 1); // over
}

static void test_refresh(void **state) {
    expect(FETCHED, 3, 1);
    pass(DAY);
    expect(FETCHED, 3, 1); // daily, whatever the id
    pass(6 * DAY);
    expect(FETCHED, 3, 1); // which keeps it alive
    pass(STS_MEMORY_MS / 1000);
    use_zone(ZONE("2"));
    use_policy(POLICY("testing"));
    expect(FETCHED, 3, 1);         // from the store, at once;
    expect("1 mx.s.test\n", 0, 0); // the new one behind it
    pass(STS_MEMORY_MS / 1000);
    use_zone(ZONE("3"));
    use_policy("version: STSv1\nmode: none\nmax_age: 86400\n");
    expect("1 mx.s.test\n", 3, 1);
    expect("0 ", 0, 0);
}

static void test_suspect(void **state) {
    expect(FETCHED, 3, 1);
    use_policy(POLICY("testing")); // changed under the same id
    sts_suspect(w.sts, SLICE("s.test"));
    pass(3600);
    expect(FETCHED, 3, 1);
    expect("1 mx.s.test\n", 0, 0);
}

static void test_no_policy(void **state) {
    static const struct {
        const char *zone;
        size_t asked, fetched;
    } cases[] = {
        {"", 1, 0},
        {"_mta-sts.s.test TXT !failed\n", 1, 0},
        {"_mta-sts.s.test TXT !garbage\n", 1, 0},
        {"_mta-sts.s.test TXT v=spf1 -all\n", 1, 0},
        {"_mta-sts.s.test TXT v=STSv1; id=1\n_mta-sts.s.test TXT v=STSv1; id=1\n", 1, 0},
        {"_mta-sts.s.test TXT v=STSv1; id=1\n", 3, 0},
        {"_mta-sts.s.test TXT v=STSv1; id=1\nmta-sts.s.test A !failed\n", 3, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        use_zone(cases[i].zone);
        expect("0 ", cases[i].asked, cases[i].fetched);
        use_zone(ZONE("1"));
        expect("0 ", 0, 0); // remembered
        pass(STS_MEMORY_MS / 1000);
    }
    use_zone("_mta-sts.s.test TXT x\n_mta-sts.s.test TXT v=STSv1; id=1;\nmta-sts.s.test AAAA 2001:db8::1\n");
    expect(FETCHED, 3, 1);
}

static void test_bad_answers(void **state) {
    static const struct {
        enum http_outcome outcome;
        unsigned status;
        const char *type, *body;
    } cases[] = {
        {HTTP_FAILED_CONNECT, 0, "", ""},
        {HTTP_FAILED_TOO_LARGE, 200, "text/plain", POLICY("enforce")},
        {HTTP_ANSWERED, 404, "text/plain", POLICY("enforce")},
        {HTTP_ANSWERED, 301, "text/plain", POLICY("enforce")},
        {HTTP_ANSWERED, 206, "text/plain", POLICY("enforce")},
        {HTTP_ANSWERED, 200, "text/html", POLICY("enforce")},
        {HTTP_ANSWERED, 200, "text/plainer", POLICY("enforce")},
        {HTTP_ANSWERED, 200, "", POLICY("enforce")},
        {HTTP_ANSWERED, 200, "text/plain", POLICY("Enforce")},
        {HTTP_ANSWERED, 200, "text/plain", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        use_policy(cases[i].body);
        w.http.outcome = cases[i].outcome;
        w.http.status = cases[i].status;
        w.http.content_type = cases[i].type;
        expect("0 ", 3, 1);
        expect("0 ", 0, 0);
        pass(STS_MEMORY_MS / 1000);
    }
    use_policy(POLICY("enforce"));
    w.http.content_type = "Text/Plain";
    expect(FETCHED, 3, 1);
}

// A server that does not answer holds the first mail for a bounded time; what it says later counts later.
static void test_patience(void **state) {
    sts_free(w.sts);
    begin(FIRST_WAIT_MS);
    w.http.is_silent = true;
    clock_use_real();
    uint64_t before = clock_mono_ms();
    assert_string_equal(find("s.test"), "0  late");
    assert_true(clock_mono_ms() - before >= FIRST_WAIT_MS - TICK_MS);
    clock_set_fake(w.mono_us, w.wall_s);
    assert_int_equal(w.http.n_open, 1);
    assert_string_equal(find("s.test"), "0  late"); // joins the same fetch
    assert_int_equal(w.http.n_calls, 1);
}

static int n_answers;

static void on_one_of_many(void *arg, const struct sts_answer *a) {
    assert_int_equal(a->mode, STORE_STS_ENFORCE);
    n_answers++;
}

static void never(void *arg, const struct sts_answer *a) {
    fail();
}

// Many ask for one domain, some go away: one fetch.
static void test_one_job(void **state) {
    struct sts_request *gone[10];
    w.http.is_silent = true;
    for (int i = 0; i < 10; i++) {
        (void)sts_find(w.sts, SLICE("s.test"), on_one_of_many, NULL);
        gone[i] = sts_find(w.sts, SLICE("s.test"), never, NULL);
    }
    for (int i = 0; i < 5; i++)
        sts_cancel(gone[i]);
    for (int i = 0; i < STEPS_MAX && w.http.n_open == 0; i++) {
        loop_run_ready(w.f.loop);
        (void)usleep(1000);
    }
    for (int i = 5; i < 10; i++)
        sts_cancel(gone[i]);
    assert_int_equal(n_answers, 0);
    fake_http_answer(&w.http);
    for (int i = 0; i < STEPS_MAX && n_answers < 10; i++) {
        loop_run_ready(w.f.loop);
        (void)usleep(1000);
    }
    assert_int_equal(n_answers, 10);
    assert_int_equal(w.http.n_calls, 1);
}

// More domains than may be fetched at a time: each gets its turn.
static void test_many_domains(void **state) {
    enum { N = 3 * STS_FETCH_RUNNING_MAX };
    char zone[N * 100], name[32];
    size_t len = 0;
    for (int i = 0; i < N; i++)
        len += (size_t)snprintf(zone + len, sizeof(zone) - len,
                                "_mta-sts.d%d.test TXT v=STSv1; id=1\nmta-sts.d%d.test A 192.0.2.80\n", i, i);
    use_zone(zone);
    n_answers = 0;
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof(name), "d%d.test", i);
        (void)sts_find(w.sts, slice_from_cstr(name), on_one_of_many, NULL);
    }
    for (int i = 0; i < STEPS_MAX && n_answers < N; i++) {
        loop_run_ready(w.f.loop);
        (void)usleep(1000);
    }
    settle();
    assert_int_equal(n_answers, N);
    assert_int_equal(w.http.n_calls, N);
    assert_in_range(w.http.most_open, STS_FETCH_RUNNING_MAX / 2, STS_FETCH_RUNNING_MAX); // some may be early, or late
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_fetch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_policy_outlives_restart_and_trouble, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_suspect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_policy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patience, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_domains, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
