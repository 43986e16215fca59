// SPDX-License-Identifier: MIT
#include "net/certificate_read.h"

#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/panic.h"
#include "net/cert_fixture.h"

static void test_names(void **state) {
    static const struct {
        const char *common, *alternative, *name;
        bool want;
    } rows[] = {
        {"a.example", "DNS:a.example", "a.example", true},
        {"a.example", "DNS:a.example", "A.Example", true},
        {"a.example", NULL, "a.example", false}, // the subject is for people
        {"a.example", "DNS:b.example", "a.example", false},
        {"x", "DNS:b.example,DNS:a.example", "a.example", true},
        {"x", "DNS:*.example.org", "a.example.org", true},
        {"x", "DNS:*.example.org", "b.a.example.org", false},
        {"x", "DNS:*.example.org", "example.org", false},
        {"x", "DNS:a*.example.org", "ab.example.org", false},
        {"192.0.2.1", NULL, "192.0.2.1", false},
        {"192.0.2.1", "DNS:192.0.2.1", "192.0.2.1", false},
        {"x", "IP:192.0.2.1", "192.0.2.1", true},
        {"x", "IP:192.0.2.1", "192.0.2.2", false},
        {"x", "IP:2001:db8::1", "2001:db8::1", true},
        {"x", "IP:2001:db8::1", "2001:db8:0::1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cert *c = cert_fixture_new(&(struct cert_spec){.name = rows[i].common, .san = rows[i].alternative});
        bool got = certificate_read_is_for(c->x509, rows[i].name);
        if (got != rows[i].want)
            fail_msg("CN %s, %s, for %s: want %d got %d", rows[i].common,
                     rows[i].alternative != NULL ? rows[i].alternative : "none", rows[i].name, rows[i].want, got);
        cert_fixture_free(c);
    }
}

static void test_times(void **state) {
    struct cert *c = cert_fixture_new(&(struct cert_spec){.name = "x", .from_s = -7200, .to_s = 86400});
    int64_t from = certificate_read_time(X509_get0_notBefore(c->x509));
    int64_t until = certificate_read_time(X509_get0_notAfter(c->x509));
    assert_int_equal(until - from, 7200 + 86400);
    assert_in_range((uint64_t)from, 1, (uint64_t)time(NULL) - 7200);
    cert_fixture_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
