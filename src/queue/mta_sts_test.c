// SPDX-License-Identifier: MIT
// Records and policies of MTA-STS: what RFC 8461 allows, what it does not, and what people publish.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "queue/mta_sts.h"

static void test_record(void **state) {
    static const struct {
        const char *txt;
        bool is_one;
        const char *id; // NULL: malformed
    } cases[] = {
        {"v=STSv1; id=20160831085700Z;", true, "20160831085700Z"},
        {"v=STSv1;id=1", true, "1"},
        {"v=STSv1 ; id=1 ; ", true, "1"},
        {"v=STSv1;\tid=1;\t", true, "1"},
        {"v=STSv1; x-y.z_1=a:b; id=1;", true, "1"},
        {"v=STSv1; id=1; id=2;", true, "1"},
        {"v=STSv1; id=12345678901234567890123456789012", true, "12345678901234567890123456789012"},
        {"v=STSv1; id=123456789012345678901234567890123", true, NULL},
        {"v=STSv1; id=", true, NULL},
        {"v=STSv1; id=a-b", true, NULL},
        {"v=STSv1; id=a b", true, NULL},
        {"v=STSv1; id = 1", true, NULL},
        {"v=STSv1;; id=1", true, NULL},
        {"v=STSv1; id=1;;", true, NULL},
        {"v=STSv1; -x=1; id=1", true, NULL},
        {"v=STSv1;", true, NULL},
        {"v=STSv1", false, NULL},
        {"v=stsv1; id=1", false, NULL},
        {"v=STSv12; id=1", false, NULL},
        {" v=STSv1; id=1", false, NULL},
        {"id=1; v=STSv1", false, NULL},
        {"v=spf1 -all", false, NULL},
        {"", false, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice txt = slice_from_cstr(cases[i].txt), id = SLICE("none");
        bool ok = mta_sts_record_parse(txt, &id);
        const char *want = cases[i].id != NULL ? cases[i].id : "none";
        if (mta_sts_is_record(txt) != cases[i].is_one || ok != (cases[i].id != NULL) ||
            !slice_eq(id, slice_from_cstr(want)))
            fail_msg("\"%s\": got %d \"%.*s\", want \"%s\"", cases[i].txt, ok, SLICE_FMT(id), want);
    }
}

static struct mta_sts_policy policy;

static void test_policy(void **state) {
    static const struct {
        const char *text, *want; // "mode max_age mx"; NULL: malformed
    } cases[] = {
        {"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n",
         "2 604800 mail.example.com\n*.example.net\n"},
        {"version: STSv1\r\nmode: testing\r\nmx: MAIL.Example.com\r\nmax_age: 1\r\n", "1 1 mail.example.com\n"},
        {"max_age:0\nmx:a.b\nmode:enforce\nversion:STSv1", "2 0 a.b\n"},
        {"version: STSv1\nmode: none\nmax_age: 86400\n", "0 86400 "},
        {"version: STSv1 \t\nmode:\tenforce\nmx: a.b \nmax_age: 1\n\n\n", "2 1 a.b\n"},
        {"version: STSv1\nmode: enforce\nmode: none\nmx: a.b\nmax_age: 1\nmax_age: 2\n", "2 1 a.b\n"},
        {"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 9999999999\n", "2 31557600 a.b\n"},
        {"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 1\nx-new: \xc3\xa4 of: any\n", "2 1 a.b\n"},
        {"version: STSv1\nmode: enforce\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 99999999999\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 1.5\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.b\n", NULL},
        {"version: STSv1\nmx: a.b\nmax_age: 1\n", NULL},
        {"mode: enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: Enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforced\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\n\nmode: enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\n mode: enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode : enforce\nmx: a.b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a.b.\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n", NULL},
        {"version: STSv1\nmode: enforce\nmx:\nmax_age: 1\n", NULL},
        {"version: STSv1\rmode: enforce\rmx: a.b\rmax_age: 1\r", NULL},
        {"<html>not found</html>", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[256] = "malformed";
        if (mta_sts_policy_parse(slice_from_cstr(cases[i].text), &policy))
            (void)snprintf(got, sizeof(got), "%d %u %.*s", (int)policy.mode, policy.max_age, (int)policy.mx_len,
                           policy.mx);
        const char *want = cases[i].want != NULL ? cases[i].want : "malformed";
        if (strcmp(got, want) != 0)
            fail_msg("\"%s\": got \"%s\", want \"%s\"", cases[i].text, got, want);
    }
    assert_false(mta_sts_policy_parse(SLICE("version: STSv1\nmode: none\nmax_age: 1\nx: \0\n"), &policy));
}

static void test_large_policies(void **state) {
    static const char head[] = "version: STSv1\nmode: enforce\nmax_age: 1\n";
    static const struct {
        size_t n_mx;
        bool ok;
    } cases[] = {{1, true}, {1000, true}, {MTA_STS_MX_SIZE / 10, true}, {MTA_STS_MX_SIZE / 10 + 1, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text;
        buf_init(&text, 2 * MTA_STS_POLICY_MAX);
        assert_true(buf_append_cstr(&text, head));
        for (size_t k = 0; k < cases[i].n_mx; k++)
            assert_true(buf_append_cstr(&text, "mx: mx.b.test\n"));
        if (mta_sts_policy_parse(buf_slice(&text), &policy) != cases[i].ok)
            fail_msg("%zu patterns: want %d", cases[i].n_mx, cases[i].ok);
        buf_done(&text);
    }
    char *large = mem_alloc(MTA_STS_POLICY_MAX + 100);
    memset(large, 'x', MTA_STS_POLICY_MAX + 100);
    memcpy(large, "version: STSv1\nmode: none\nmax_age: 1\nx: ", 40);
    assert_false(mta_sts_policy_parse(slice_make(large, MTA_STS_POLICY_MAX + 1), &policy));
    assert_true(mta_sts_policy_parse(slice_make(large, MTA_STS_POLICY_MAX), &policy));
    free(large);
}

static void test_allows(void **state) {
    static const struct {
        const char *patterns, *host;
        bool want;
    } cases[] = {
        {"mx.b.example\n", "mx.b.example", true},
        {"mx.b.example\n", "MX.B.example", true},
        {"mx.b.example\n", "b.example", false},
        {"mx.b.example\n", "a.mx.b.example", false},
        {"*.b.example\n", "mx.b.example", true},
        {"*.b.example\n", "b.example", false},
        {"*.b.example\n", ".b.example", false},
        {"*.b.example\n", "a.mx.b.example", false},
        {"*.b.example\n", "mxb.example", false},
        {"x.test\n*.y.test\nmx.z.test\n", "mx.z.test", true},
        {"x.test\n*.y.test\nmx.z.test\n", "q.y.test", true},
        {"x.test\n", "x.test\n", false},
        {"", "", false},
        {"\n", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (mta_sts_allows(slice_from_cstr(cases[i].patterns), slice_from_cstr(cases[i].host)) != cases[i].want)
            fail_msg("%s by %s: want %d", cases[i].host, cases[i].patterns, cases[i].want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_large_policies),
        cmocka_unit_test(test_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
