// SPDX-License-Identifier: MIT
// Dates: what is written, what is read, and that the two agree over the whole range.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/date.h"

static const struct {
    int64_t unix_s;
    const char *mail, *imap;
} write_table[] = {
    {0, "Thu, 01 Jan 1970 00:00:00 +0000", " 1-Jan-1970 00:00:00 +0000"},
    {1795252680, "Sat, 21 Nov 2026 09:18:00 +0000", "21-Nov-2026 09:18:00 +0000"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 +0000", "29-Feb-2000 00:00:00 +0000"},
    {4107542399, "Sun, 28 Feb 2100 23:59:59 +0000", "28-Feb-2100 23:59:59 +0000"},
    {4107542400, "Mon, 01 Mar 2100 00:00:00 +0000", " 1-Mar-2100 00:00:00 +0000"},
    {253402300799, "Fri, 31 Dec 9999 23:59:59 +0000", "31-Dec-9999 23:59:59 +0000"},
    {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000", "31-Dec-9999 23:59:59 +0000"},
    {-1, "Thu, 01 Jan 1970 00:00:00 +0000", " 1-Jan-1970 00:00:00 +0000"},
};

static void test_write(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(write_table); i++) {
        char got[DATE_TEXT_SIZE];
        date_write_mail(write_table[i].unix_s, got);
        assert_string_equal(got, write_table[i].mail);
        date_write_imap(write_table[i].unix_s, got);
        assert_string_equal(got, write_table[i].imap);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    // A step that visits every weekday, month and time of day.
    for (int64_t t = 0; t <= 253402300799; t += 86400 * 11 + 3607) {
        char text[DATE_TEXT_SIZE];
        int64_t got = -1;
        date_write_mail(t, text);
        if (!date_parse_mail(slice_from_cstr(text), &got) || got != t)
            fail_msg("%s: got %lld, want %lld", text, (long long)got, (long long)t);
        date_write_imap(t, text);
        if (!date_parse_imap(slice_from_cstr(text), &got) || got != t)
            fail_msg("%s: got %lld, want %lld", text, (long long)got, (long long)t);
    }
}

struct row {
    const char *text;
    bool ok;
    int64_t want;
};

static const struct row imap_table[] = {
    {"21-Nov-2026 09:18:00 +0000", true, 1795252680},
    {"21-nov-2026 10:48:00 +0130", true, 1795252680},
    {"20-NOV-2026 21:18:00 -1200", true, 1795252680},
    {" 1-Jan-1970 00:00:00 +0000", true, 0},
    {"1-Jan-1970 00:00:00 +0000", true, 0},
    {"01-Jan-1970 00:00:00 +0000", true, 0},
    {"31-Dec-1969 23:59:59 +0000", true, -1},
    {"29-Feb-2024 00:00:00 +0000", true, 1709164800},
    {"29-Feb-2023 00:00:00 +0000", false, 0},
    {"29-Feb-1900 00:00:00 +0000", false, 0},
    {"31-Apr-2024 00:00:00 +0000", false, 0},
    {"00-Jan-2024 00:00:00 +0000", false, 0},
    {"01-Jan-0000 00:00:00 +0000", false, 0},
    {"01-Jan-2024 24:00:00 +0000", false, 0},
    {"01-Jan-2024 00:60:00 +0000", false, 0},
    {"01-Jan-2024 00:00:61 +0000", false, 0},
    {"01-Jan-2024 00:00:00", false, 0},
    {"01-Jan-2024 00:00:00 0000", false, 0},
    {"01-Jan-2024 00:00:00 +0060", false, 0},
    {"01-Jan-2024 00:00:00 +2400", false, 0},
    {"01-Jan-2024 00:00:00 +00000", false, 0},
    {"01-Jan-2024 0:00:00 +0000", false, 0},
    {"01-Foo-2024 00:00:00 +0000", false, 0},
    {"01-Jan-24 00:00:00 +0000", false, 0},
    {"001-Jan-2024 00:00:00 +0000", false, 0},
    {"01-Jan-2024 00:00:00 +0000 ", false, 0},
    {"", false, 0},
};

static const struct row day_table[] = {
    {"21-Nov-2026", true, 1795219200}, {"1-Jan-1970", true, 0}, {"01-jan-1970", true, 0}, {"2-Jan-1970", true, 86400},
    {"30-Feb-2024", false, 0},         {"1-Jan-70", false, 0},  {"1 Jan 1970", false, 0}, {"1-Jan-1970 ", false, 0},
    {"1-Jan-1970x", false, 0},         {"", false, 0},
};

static const struct row mail_table[] = {
    {"Sat, 21 Nov 2026 09:18:00 +0000", true, 1795252680},
    {" Sat,21 Nov 2026 09:18:00 +0000 (UTC)", true, 1795252680},
    {"21 Nov 2026 09:18:00 GMT", true, 1795252680},
    {"21 Nov 2026 09:18 UT", true, 1795252680},
    {"21 Nov 26 09:18:00 Z", true, 1795252680},
    {"21 nov 126 09:18:00", true, 1795252680},
    {"Sat, 21\r\n Nov 2026 09:18:00\r\n\t+0000", true, 1795252680},
    {"(c) Sat (d) , 21 (e) Nov 2026 09 : 18 : 00 (f \\) (g)) +0000", true, 1795252680},
    {"Fri, 8 Jul 1994 09:21:47 -0400", true, 773673707},
    {"Fri, 8 Jul 94 09:21:47 EDT", true, 773673707},
    {"8 Jul 1994 05:21:47 PST", true, 773673707},
    {"Sat 21 Nov 2026 09:18:00 +0000", true, 1795252680},
    {"", false, 0},
    {"Sat", false, 0},
    {"Sat, Nov 21 2026 09:18:00 +0000", false, 0},
    {"21 Nov 2026", false, 0},
    {"21 Nov 2026 09:18:00 +00", false, 0},
    {"21 Nov 2026 09:18:00 +0000 x", false, 0},
    {"31 Nov 2026 09:18:00 +0000", false, 0},
    {"21 Nov 20260 09:18:00 +0000", false, 0},
    {"21 Nov 2026 09:18: +0000", false, 0},
    {"21 Nov 2026 25:18:00 +0000", false, 0},
};

static void check_rows(const struct row *rows, size_t n, bool (*parse)(struct slice, int64_t *)) {
    for (size_t i = 0; i < n; i++) {
        int64_t got = 0;
        bool ok = parse(slice_from_cstr(rows[i].text), &got);
        if (ok != rows[i].ok || got != rows[i].want)
            fail_msg("\"%s\": got %d %lld, want %d %lld", rows[i].text, ok, (long long)got, rows[i].ok,
                     (long long)rows[i].want);
    }
}

static void test_imap(void **state) {
    (void)state;
    check_rows(imap_table, ARRAY_LEN(imap_table), date_parse_imap);
}

static void test_day(void **state) {
    (void)state;
    check_rows(day_table, ARRAY_LEN(day_table), date_parse_imap_day);
}

static void test_mail(void **state) {
    (void)state;
    check_rows(mail_table, ARRAY_LEN(mail_table), date_parse_mail);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_imap),
        cmocka_unit_test(test_day),   cmocka_unit_test(test_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
