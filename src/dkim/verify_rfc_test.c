// SPDX-License-Identifier: MIT
// The verifier on the RFCs' own examples: RFC 6376 A.2, RFC 8463 A.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"

enum { NOW = 1700000000 };

static void answer_rfc(struct dkim_verifier *v) {
    const char *names[DKIM_ATTEMPTS_MAX];
    size_t n = dkim_verifier_questions(v, names);
    for (size_t i = 0; i < n; i++)
        test_answer(v, names[i], test_rfc_record(names[i]));
}

static struct dkim_verifier *feed_rfc(const char *domain, const char *header, const char *body) {
    struct dkim_verifier *v = dkim_verifier_new(slice_from_cstr(domain), NOW, NULL);
    dkim_verifier_header(v, slice_from_cstr(header));
    for (const char *c = body; *c != '\0'; c++)
        dkim_verifier_body(v, slice_make(c, 1));
    dkim_verifier_end(v);
    return v;
}

static void test_rfc6376(void **state) {
    struct dkim_verifier *v = feed_rfc("Example.COM", test_rfc6376_header, test_rfc6376_body);
    answer_rfc(v);
    assert_int_equal(dkim_verifier_verdict(v), DKIM_PASS);
    assert_false(dkim_verifier_is_partial(v));
    dkim_verifier_free(v);
}

static void test_rfc8463(void **state) {
    static const char *const only[] = {"brisbane._domainkey.football.example.com",
                                       "test._domainkey.football.example.com"};
    for (size_t i = 0; i < ARRAY_LEN(only); i++) {
        struct dkim_verifier *v = feed_rfc("football.example.com", test_rfc8463_header, test_rfc8463_body);
        const char *names[DKIM_ATTEMPTS_MAX];
        assert_int_equal(dkim_verifier_questions(v, names), 2);
        assert_string_equal(names[0], only[0]);
        assert_string_equal(names[1], only[1]);
        test_answer(v, only[1 - i], NULL);
        assert_int_equal(dkim_verifier_verdict(v), DKIM_OPEN);
        test_answer(v, only[i], test_rfc_record(only[i]));
        assert_int_equal(dkim_verifier_verdict(v), DKIM_PASS);
        assert_int_equal(dkim_verifier_questions(v, names), 0);
        dkim_verifier_free(v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc6376),
        cmocka_unit_test(test_rfc8463),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
