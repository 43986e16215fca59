// SPDX-License-Identifier: MIT
// TLS as a client: the three checks against certificates with every common fault, resumption, STARTTLS, and servers
// that misbehave in the handshake.
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/panic.h"
#include "net/client_fixture.h"
#include "net/listener.h"
#include "net/tls_internal.h"

enum which { GOOD, OTHER_NAME, EXPIRED, EARLY, SELF_SIGNED, UNTRUSTED, NAME_IN_CN, WITH_ADDRESS, N_CERTS };

static struct cert *ca, *other_ca, *certs[N_CERTS];
static struct tls_client_context *context;
static char folder[] = "/tmp/net-tls-XXXXXX", ca_path[256], hashed_path[256];

static struct cert *issue(const char *name, const char *san, const struct cert *issuer, long from_s, long to_s) {
    const struct cert_spec spec = {.name = name, .san = san, .issuer = issuer, .from_s = from_s, .to_s = to_s};
    return cert_fixture_new(&spec);
}

static int set_up(void **state) {
    ca = cert_fixture_new(&(struct cert_spec){.name = "Test CA", .is_ca = true});
    other_ca = cert_fixture_new(&(struct cert_spec){.name = "Other CA", .is_ca = true});
    certs[GOOD] = issue("good", "DNS:mx.example", ca, 0, 0);
    certs[OTHER_NAME] = issue("other", "DNS:other.example", ca, 0, 0);
    certs[EXPIRED] = issue("expired", "DNS:mx.example", ca, -7200, -3600);
    certs[EARLY] = issue("early", "DNS:mx.example", ca, 3600, 7200);
    certs[SELF_SIGNED] = issue("self", "DNS:mx.example", NULL, 0, 0);
    certs[UNTRUSTED] = issue("untrusted", "DNS:mx.example", other_ca, 0, 0);
    certs[NAME_IN_CN] = issue("mx.example", NULL, ca, 0, 0);
    certs[WITH_ADDRESS] = issue("address", "IP:127.0.0.1", ca, 0, 0);
    assert_non_null(mkdtemp(folder));
    cert_fixture_save(ca, folder, "ca.pem", ca_path);
    cert_fixture_save(ca, folder, NULL, hashed_path);
    const char *error = NULL;
    context = tls_client_context_new(&(struct tls_client_settings){.ca_file = ca_path}, &error);
    assert_non_null(context);
    return 0;
}

static int tear_down(void **state) {
    tls_client_context_free(context);
    for (int i = 0; i < N_CERTS; i++)
        cert_fixture_free(certs[i]);
    cert_fixture_free(ca);
    cert_fixture_free(other_ca);
    (void)unlink(ca_path);
    (void)unlink(hashed_path);
    return rmdir(folder);
}

// One connection, to a server with this certificate unless `f` is set up otherwise.
static struct near visit(struct far *f, const struct tls_client *how) {
    struct loop *loop = loop_new();
    struct near n = {.how = *how, .tls = f->manner != FAR_STARTTLS, .starttls = f->manner == FAR_STARTTLS};
    near_run(&n, loop, &f->address);
    loop_free(loop);
    assert_int_equal(conn_count(), 0);
    return n;
}

static struct near visit_once(const struct cert *cert, const struct tls_client *how) {
    struct far f = {.manner = FAR_TLS, .cert = cert, .connections = 1};
    far_start(&f);
    struct near n = visit(&f, how);
    far_join(&f);
    return n;
}

static void expect(const char *what, const struct near *n, const char *error, bool proved) {
    const char *got = n->error != NULL ? n->error : "none", *want = error != NULL ? error : "none";
    if (strcmp(got, want) != 0 || n->secure != (error == NULL) || n->echoed != (error == NULL) || n->proved != proved)
        fail_msg("%s: got \"%s\" secure %d echoed %d proved %d, want \"%s\" proved %d", what, got, n->secure, n->echoed,
                 n->proved, want, proved);
    assert_int_equal(n->end, error == NULL ? CONN_END_LOCAL : CONN_END_ERROR);
}

static void test_any_and_pkix(void **state) {
    static const struct {
        const char *what;
        enum which cert;
        const char *host;
        const char *error; // of PKIX; NULL: proved
    } cases[] = {
        {"good", GOOD, "mx.example", NULL},
        {"case of the name", GOOD, "MX.Example", NULL},
        {"other name", OTHER_NAME, "mx.example", "the certificate is for another name"},
        {"expired", EXPIRED, "mx.example", "the certificate has expired"},
        {"early", EARLY, "mx.example", "the certificate is not valid yet"},
        {"self-signed", SELF_SIGNED, "mx.example", "the certificate is self-signed"},
        {"untrusted", UNTRUSTED, "mx.example", "the certificate's issuer is not trusted"},
        {"common name", NAME_IN_CN, "mx.example", "the certificate is for another name"},
        {"no name", GOOD, "", "the certificate is for another name"},
        {"address", WITH_ADDRESS, "127.0.0.1", NULL},
        {"other address", WITH_ADDRESS, "127.0.0.2", "the certificate is for another name"},
        {"address, but a name", GOOD, "127.0.0.1", "the certificate is for another name"},
        {"underscore", OTHER_NAME, "_mx.example", "the certificate is for another name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_client how = {.context = context, .host = slice_from_cstr(cases[i].host), .check = TLS_CHECK_PKIX};
        struct near n = visit_once(certs[cases[i].cert], &how);
        expect(cases[i].what, &n, cases[i].error, cases[i].error == NULL);
        how.check = TLS_CHECK_ANY;
        n = visit_once(certs[cases[i].cert], &how);
        expect(cases[i].what, &n, NULL, false);
    }
}

static void test_no_names(void **state) {
    static char long_name[300];
    memset(long_name, 'a', sizeof(long_name));
    const struct slice names[] = {slice_make(long_name, sizeof(long_name)), SLICE("mx.example\0.evil"), SLICE_EMPTY};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct tls_client how = {.context = context, .host = names[i], .check = TLS_CHECK_PKIX};
        struct near n = visit_once(certs[GOOD], &how);
        expect("no proper name", &n, "the certificate is for another name", false);
    }
}

// A TLSA record of `of` (or nothing's, when NULL).
struct record {
    int usage, selector;
    const struct cert *const *of;
    int cut; // octets that are missing
};

static void test_dane(void **state) {
    const char *none = "no TLSA record matches", *name = "the certificate is for another name",
               *untrusted = "the certificate is self-signed";
    const struct cert *const *good = (const struct cert *const *)&certs[GOOD], *const *the_ca = (const void *)&ca,
                             *const *other = (const void *)&other_ca, *const *self = (const void *)&certs[SELF_SIGNED],
                             *const *expired = (const void *)&certs[EXPIRED],
                             *const *misnamed = (const void *)&certs[OTHER_NAME];
    const struct {
        const char *what;
        enum which cert;
        const char *next_hop;
        struct record records[3];
        const char *error;
        bool proved;
    } cases[] = {
        {"3 1 1", GOOD, "", {{3, 1, good, 0}}, NULL, true},
        {"3 0 1", GOOD, "", {{3, 0, good, 0}}, NULL, true},
        {"3 1 1 self-signed", SELF_SIGNED, "", {{3, 1, self, 0}}, NULL, true},
        {"3 1 1 expired", EXPIRED, "", {{3, 1, expired, 0}}, NULL, true},
        {"3 1 1 another name", OTHER_NAME, "", {{3, 1, misnamed, 0}}, NULL, true},
        {"3 1 1 mismatch", GOOD, "", {{3, 1, self, 0}}, none, false},
        {"3 1 1 mismatch, self-signed", SELF_SIGNED, "", {{3, 1, good, 0}}, none, false},
        {"one of two", GOOD, "", {{3, 1, self, 0}, {3, 1, good, 0}}, NULL, true},
        {"2 0 1", GOOD, "", {{2, 0, the_ca, 0}}, NULL, true},
        {"2 1 1", GOOD, "", {{2, 1, the_ca, 0}}, NULL, true},
        {"2 0 1 of a CA nobody trusts", UNTRUSTED, "", {{2, 0, other, 0}}, NULL, true},
        {"2 0 1 mismatch", GOOD, "", {{2, 0, other, 0}}, none, false},
        {"2 0 1 another name", OTHER_NAME, "", {{2, 0, the_ca, 0}}, name, false},
        {"2 0 1 next hop", OTHER_NAME, "other.example", {{2, 0, the_ca, 0}}, NULL, true},
        {"2 0 1 common name", NAME_IN_CN, "", {{2, 0, the_ca, 0}}, NULL, true},
        {"2 0 1 expired", EXPIRED, "", {{2, 0, the_ca, 0}}, "the certificate has expired", false},
        {"no record, a certificate for the name", GOOD, "", {{0}}, NULL, true},
        {"short data only, another name", OTHER_NAME, "", {{3, 1, self, 5}}, name, false},
        {"no record", SELF_SIGNED, "", {{0}}, untrusted, false},
        {"PKIX usages only", SELF_SIGNED, "", {{1, 1, good, 0}, {0, 0, the_ca, 0}}, untrusted, false},
        {"short data only", SELF_SIGNED, "", {{3, 1, self, 5}}, untrusted, false},
        {"no data only", SELF_SIGNED, "", {{3, 1, self, 32}}, untrusted, false},
        {"unknown selector only", SELF_SIGNED, "", {{3, 9, self, 0}}, untrusted, false},
        {"unusable beside a mismatch", GOOD, "", {{1, 1, good, 0}, {3, 1, good, 1}, {3, 1, self, 0}}, none, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t data[3][32];
        struct tls_tlsa tlsa[3];
        struct tls_client how = {
            .context = context, .host = SLICE("mx.example"), .check = TLS_CHECK_DANE, .tlsa = tlsa};
        how.next_hop = slice_from_cstr(cases[i].next_hop);
        for (; how.n_tlsa < 3 && cases[i].records[how.n_tlsa].of != NULL; how.n_tlsa++) {
            const struct record *r = &cases[i].records[how.n_tlsa];
            cert_fixture_digest(*r->of, r->selector, data[how.n_tlsa]);
            tlsa[how.n_tlsa] = (struct tls_tlsa){(uint8_t)r->usage, (uint8_t)r->selector, 1,
                                                 slice_make((char *)data[how.n_tlsa], (size_t)(32 - r->cut))};
        }
        struct near n = visit_once(certs[cases[i].cert], &how);
        expect(cases[i].what, &n, cases[i].error, cases[i].proved);
    }
}

static void test_roots(void **state) {
    const struct tls_client_settings in_folder = {.ca_folder = folder}, nowhere = {.ca_folder = "/nonexistent"},
                                     no_file = {.ca_file = "/nonexistent"}, no_cert = {.ca_file = "/dev/null"},
                                     system = {0};
    struct tls_client how = {.host = SLICE("mx.example"), .check = TLS_CHECK_PKIX};
    const char *error = NULL;
    assert_null(tls_client_context_new(&no_file, &error));
    assert_non_null(error);
    error = NULL;
    assert_null(tls_client_context_new(&no_cert, &error));
    assert_non_null(error);
    how.context = tls_client_context_new(&in_folder, &error);
    struct near n = visit_once(certs[GOOD], &how);
    expect("folder", &n, NULL, true);
    assert_true(tls_client_context_replace(how.context, &nowhere, &error));
    n = visit_once(certs[GOOD], &how);
    expect("no roots", &n, "the certificate's issuer is not trusted", false);
    assert_true(tls_client_context_replace(how.context, &system, &error));
    n = visit_once(certs[GOOD], &how);
    expect("the system's roots", &n, "the certificate's issuer is not trusted", false);
    assert_true(tls_client_context_replace(how.context, &in_folder, &error));
    assert_false(tls_client_context_replace(how.context, &no_file, &error));
    n = visit_once(certs[GOOD], &how);
    expect("a failed reload changes nothing", &n, NULL, true);
    tls_client_context_free(how.context);
}

static void test_resumption(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        const char *error = NULL;
        const struct tls_client_settings settings = {.ca_file = ca_path, .max_sessions = 4};
        struct tls_client pkix = {.host = SLICE("mx.example"), .check = TLS_CHECK_PKIX, .port = 25};
        pkix.context = tls_client_context_new(&settings, &error);
        struct tls_client any = pkix, port = pkix, dane = pkix;
        any.check = TLS_CHECK_ANY;
        port.port = 26;
        uint8_t digest[32];
        cert_fixture_digest(certs[GOOD], 1, digest);
        struct tls_tlsa tlsa[2] = {{3, 1, 1, slice_make((char *)digest, 32)}, {3, 1, 1, slice_make("x", 1)}};
        dane.check = TLS_CHECK_DANE;
        dane.tlsa = tlsa;
        dane.n_tlsa = 2;
        struct tls_tlsa turned[2] = {tlsa[1], tlsa[0]};
        struct tls_client dane_turned = dane, dane_fewer = dane;
        dane_turned.tlsa = turned;
        dane_fewer.n_tlsa = 1;
        const struct {
            const char *what;
            const struct tls_client *how;
            bool resumed;
        } visits[] = {
            {"first", &pkix, false},       {"second", &pkix, true},      {"third", &pkix, true},
            {"other check", &any, false},  {"that again", &any, true},   {"other port", &port, false},
            {"DANE", &dane, false},        {"DANE again", &dane, true},  {"in another order", &dane_turned, true},
            {"fewer", &dane_fewer, false}, {"pushed out", &pkix, false}, {"back", &pkix, true},
        };
        struct far f = {.manner = FAR_TLS, .cert = certs[GOOD], .max_version = versions[i]};
        f.connections = (int)ARRAY_LEN(visits) + 1;
        far_start(&f);
        for (size_t v = 0; v < ARRAY_LEN(visits); v++) {
            struct near n = visit(&f, visits[v].how);
            expect(visits[v].what, &n, NULL, visits[v].how->check != TLS_CHECK_ANY);
            if (n.resumed != visits[v].resumed)
                fail_msg("%s %s: resumed %d", n.version, visits[v].what, n.resumed);
            assert_string_equal(n.version, i == 0 ? "TLSv1.2" : "TLSv1.3");
        }
        assert_true(tls_client_context_replace(pkix.context, &settings, &error));
        struct near n = visit(&f, &pkix);
        assert_false(n.resumed);
        far_join(&f);
        assert_int_equal(f.resumed, 6);
        tls_client_context_free(pkix.context);
    }
}

static void test_starttls(void **state) {
    struct far f = {.manner = FAR_STARTTLS, .cert = certs[GOOD], .connections = 2};
    struct tls_client how = {.context = context, .host = SLICE("mx.example"), .check = TLS_CHECK_PKIX};
    far_start(&f);
    struct near n = visit(&f, &how);
    expect("STARTTLS", &n, NULL, true); // near's on_read sees nothing of what came before
    how.host = SLICE("other.example");
    n = visit(&f, &how);
    expect("STARTTLS, other name", &n, "the certificate is for another name", false);
    far_join(&f);
}

static void test_bad_servers(void **state) {
    static const struct {
        enum far_manner manner;
        int max_version;
        bool no_cert;
        enum conn_end end;
        const char *error;
    } cases[] = {
        {FAR_GARBAGE, 0, false, CONN_END_ERROR, "the peer does not speak TLS"},
        {FAR_CLOSES, 0, false, CONN_END_ERROR, "the peer closed during the handshake"},
        {FAR_STALLS, 0, false, CONN_END_TIMEOUT, "the handshake timed out"},
        {FAR_TLS, TLS1_1_VERSION, false, CONN_END_ERROR, "no TLS version in common"},
        {FAR_TLS, TLS1_2_VERSION, true, CONN_END_ERROR, "no TLS parameters in common"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct far f = {.manner = cases[i].manner, .max_version = cases[i].max_version, .connections = 1};
        f.cert = cases[i].no_cert ? NULL : certs[GOOD];
        struct tls_client how = {.context = context, .host = SLICE("mx.example"), .check = TLS_CHECK_ANY};
        how.handshake_ms = cases[i].end == CONN_END_TIMEOUT ? 300 : 0;
        far_start(&f);
        struct near n = visit(&f, &how);
        if (n.end != cases[i].end || n.error == NULL || strcmp(n.error, cases[i].error) != 0)
            fail_msg("case %zu: end %d, error \"%s\"", i, (int)n.end, n.error != NULL ? n.error : "none");
        assert_false(n.secure);
        far_join(&f);
    }
}

// Our octets may meet a socket that is closed already, so how it ends is the kernel's choice.
static void test_server_that_closes_late(void **state) {
    struct far f = {.manner = FAR_CLOSES_LATE, .cert = certs[GOOD], .connections = 1};
    struct tls_client how = {.context = context, .host = SLICE("mx.example"), .check = TLS_CHECK_PKIX};
    far_start(&f);
    struct near n = visit(&f, &how);
    far_join(&f);
    assert_true(n.secure && n.proved && !n.echoed);
    assert_true(n.end == CONN_END_EOF || n.end == CONN_END_ERROR);
}

// A session that is closed while its handshake is under way.
static void test_close_in_handshake(void **state) {
    struct far f = {.manner = FAR_STALLS, .connections = 1};
    far_start(&f);
    struct loop *loop = loop_new();
    struct near n = {.how = {.context = context, .host = SLICE("mx.example")}, .tls = true};
    const struct connector_settings s = {&f.address, 1, 0, 0, &NEAR_OPS, near_open, near_failed, &n};
    (void)connector_start(loop, &s);
    bool never = false;
    assert_true(near_until(loop, &n.opened, NEAR_PATIENCE_MS));
    (void)near_until(loop, &never, 50);
    assert_true(!n.secure && !n.closed);
    conn_close(n.c);
    assert_true(near_until(loop, &n.closed, NEAR_PATIENCE_MS));
    assert_int_equal(n.end, CONN_END_LOCAL);
    assert_null(n.error);
    loop_free(loop);
    far_join(&f);
}

static void test_over_memory(void **state) {
    struct loop *loop = loop_new();
    struct near n = {.starttls = true};
    struct conn *c = conn_new_memory(loop, &NEAR_OPS, &n, false);
    n.c = c;
    conn_memory_feed(c, "220 ready\r\n250 injected\r\n", 25);
    loop_run_ready(loop);
    assert_true(n.secure && !n.proved && !n.resumed);
    assert_true(slice_eq(conn_memory_output(c), SLICE("hello\n")));
    conn_memory_feed(c, "hello\n", 6);
    loop_run_ready(loop);
    assert_true(n.echoed && n.closed);
    assert_null(n.error);
    conn_memory_free(c);
    loop_free(loop);
}

static void test_words(void **state) {
    for (long verdict = 1; verdict < 120; verdict++)
        assert_true(strlen(tls_verify_text(verdict, false)) > 10 && strlen(tls_verify_text(verdict, true)) > 10);
    assert_string_equal(tls_error_text(0), "TLS failed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_and_pkix),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_dane),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_bad_servers),
        cmocka_unit_test(test_server_that_closes_late),
        cmocka_unit_test(test_close_in_handshake),
        cmocka_unit_test(test_over_memory),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
