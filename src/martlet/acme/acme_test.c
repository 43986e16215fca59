// SPDX-License-Identifier: MIT
// When a certificate is asked for, and why none came.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include "base/panic.h"
#include "martlet/acme/plan.h"
#include "martlet/acme/reason.h"

enum { NOW = 1800000000, MINUTE = 60, HOUR = 3600, DAY = 86400 };

static void test_renewal(void **state) {
    assert_int_equal(acme_renew_at(NOW, NOW + 90 * DAY), NOW + 60 * DAY);
    assert_int_equal(acme_renew_at(NOW, NOW + 6 * DAY), NOW + 4 * DAY);
}

static void test_pause(void **state) {
    static const struct {
        unsigned failures;
        int64_t left_s;
        int64_t patience_s;
        int64_t want_s;
    } rows[] = {
        {1, 30 * DAY, 0, 10 * MINUTE},
        {2, 30 * DAY, 0, HOUR},
        {3, 30 * DAY, 0, 6 * HOUR},
        {99, 30 * DAY, 0, 6 * HOUR},
        {3, DAY, 0, 3 * HOUR},
        {3, HOUR, 0, 10 * MINUTE},
        {1, 0, 0, 10 * MINUTE},
        {9, 0, 0, HOUR},
        {1, 0, 1, HOUR},
        {1, HOUR, 1, HOUR},
        {1, 0, 5 * HOUR, 5 * HOUR},
        {3, 30 * DAY, 5 * HOUR, 6 * HOUR},
        {1, 0, 6 * DAY, 6 * DAY},
        {1, 0, 70 * DAY, 7 * DAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(acme_pause_s(rows[i].failures, rows[i].left_s, rows[i].patience_s, 0), rows[i].want_s);
        int64_t most = acme_pause_s(rows[i].failures, rows[i].left_s, rows[i].patience_s, UINT64_MAX);
        assert_true(most >= rows[i].want_s && most < rows[i].want_s * 5 / 4);
    }
}

static void test_due(void **state) {
    static const struct {
        const char *what;
        struct acme_times times;
        bool is_start, want;
    } rows[] = {
        {"never tried", {0, 0, false, false}, true, true},
        {"planned for later", {NOW - HOUR, NOW + HOUR, true, false}, false, false},
        {"the time has come", {NOW - HOUR, NOW, true, false}, false, true},
        {"start without certificate", {NOW - HOUR, NOW + HOUR, false, false}, true, true},
        {"start again and again", {NOW - 10, NOW + HOUR, false, false}, true, false},
        {"start with certificate", {NOW - HOUR, NOW + HOUR, true, false}, true, false},
        {"clock set back a month", {NOW + 30 * DAY, NOW + 31 * DAY, true, false}, false, true},
        {"patience, at a start too", {NOW - HOUR, NOW + HOUR, false, true}, true, false},
        {"the longest patience", {NOW, NOW + 7 * DAY + HOUR / 4, false, true}, false, false},
        {"patience too far ahead", {NOW, NOW + 8 * DAY, false, true}, false, true},
        {"plan too far ahead", {NOW - HOUR, NOW + 9 * DAY, true, false}, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (acme_is_due(&rows[i].times, rows[i].is_start, NOW) != rows[i].want)
            fail_msg("%s: want %d", rows[i].what, rows[i].want);
}

#define PROBLEM(type, detail)                                                                                          \
    "uacme: challenge https://ca/1 failed with status invalid\nuacme: the server reported the following error:\n"      \
    "{\n    \"type\": \"urn:ietf:params:acme:error:" type "\",\n    \"detail\": \"" detail                             \
    "\",\n    \"status\": 400\n}\nuacme: failed to authorize order at https://ca/2\n"

static void test_reason(void **state) {
    static const struct {
        const char *output, *name;
        bool uses_dns;
        const char *sentence, *detail;
    } rows[] = {
        {PROBLEM("connection", "dial 192.0.2.1: refused"), "a.org", false, "cannot reach a.org on port 80",
         "dial 192.0.2.1: refused"},
        {PROBLEM("unauthorized", "404"), "a.org", false, "something else answers there", "404"},
        {PROBLEM("unauthorized", "no TXT"), "a.org", true, "_acme-challenge.a.org", "no TXT"},
        {PROBLEM("rateLimited", "5 per week"), "a.org", false, "asks for patience", "5 per week"},
        {PROBLEM("malformed", "no addresses"), "192.0.2.1", false, "does not issue certificates for the address", ""},
        {PROBLEM("newKind", "x"), "a.org", false, "(newKind)", "x"},
        {"uacme: failed to fetch directory at https://ca/dir\n", "a.org", false, "no ACME directory", ""},
        {"uacme: curl_get: GET https://ca/dir failed: Couldn't connect to server\n"
         "uacme: curl_get: waiting 5 seconds before retrying\nuacme: failed to fetch directory at https://ca/dir\n",
         "a.org", false, "cannot be used: no answer (Couldn't connect to server)", "failed to fetch"},
        {"uacme: curl_get: GET https://ca/dir failed: SSL peer certificate or SSH remote key was not OK\n"
         "uacme: failed to fetch directory at https://ca/dir\n",
         "a.org", false, "ca-certificates", ""},
        {"martlet: the relay does not take the CA's challenge: no relay runs\nuacme: no challenge completed\n", "a.org",
         false, "no relay runs", "no relay runs"},
        {"uacme: no challenge completed\n", "a.org", false, "offers no challenge", "no challenge completed"},
        {"uacme: { is odd\n", "a.org", false, "uacme failed", "{ is odd"},
        {"", "a.org", false, "uacme failed", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct acme_reason r;
        acme_reason_find(slice_from_cstr(rows[i].output), rows[i].name, "https://ca/dir", rows[i].uses_dns, &r);
        if (strstr(r.sentence, rows[i].sentence) == NULL || strstr(r.detail, rows[i].detail) == NULL)
            fail_msg("%zu: got \"%s\" (%s), want \"%s\"", i, r.sentence, r.detail, rows[i].sentence);
        assert_null(strstr(r.sentence, "192.0.2.1"));
        assert_true(r.is_rate_limited == (strstr(rows[i].output, "rateLimited") != NULL));
    }
    struct acme_reason r;
    struct slice dated =
        SLICE(PROBLEM("rateLimited", "too many orders, retry after 2027-01-15 08:00:01 UTC: see https://"));
    acme_reason_find(dated, "a.org", "https://ca/dir", false, &r);
    assert_int_equal(r.retry_at_s, NOW + 1);
    acme_reason_find(SLICE(PROBLEM("rateLimited", "retry after lunch")), "a.org", "https://ca/dir", false, &r);
    assert_int_equal(r.retry_at_s, 0);
    acme_reason_find(SLICE("uacme: no account associated with ./private/key.pem found at https://ca/new.\n"), "a.org",
                     "https://ca/dir", false, &r);
    assert_true(r.has_no_account);
}

static void test_account(void **state) {
    static const struct {
        const char *output, *want;
    } cases[] = {
        {"uacme: version 1.7.4\nuacme: account location: https://ca.org/acct/7\nuacme: done\n",
         "https://ca.org/acct/7"},
        {"uacme: account created at https://ca.org/acct/8\n", "https://ca.org/acct/8"},
        {"uacme: nothing of it\n", "before"},
        {"uacme: account location: \n", "before"},
        {"uacme: account location: https://ca.org/\"; x\n", "before"},
        {"", "before"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[ACME_URL_MAX] = "before";
        acme_reason_account(slice_from_cstr(cases[i].output), got, sizeof(got));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: got %s, want %s", i, got, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_renewal), cmocka_unit_test(test_pause),
                                       cmocka_unit_test(test_due), cmocka_unit_test(test_reason),
                                       cmocka_unit_test(test_account)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
