// SPDX-License-Identifier: MIT
#include "smtp/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "smtp/sasl.h"

#define TEXT(lit)                                                                                                      \
    { lit, sizeof(lit) - 1 }

static bool is(struct slice got, const char *want) {
    bool same = slice_eq(got, slice_from_cstr(want));
    if (!same)
        print_error("want [%s] got [%.*s]\n", want, SLICE_FMT(got));
    return same;
}

static void test_lines(void **state) {
    (void)state;
    static const struct {
        struct slice in;
        size_t max;
        enum smtp_line want;
        const char *line;
        size_t used;
        bool ended;
    } rows[] = {
        {TEXT(""), 8, SMTP_LINE_MORE, NULL, 0, false},
        {TEXT("NOOP"), 8, SMTP_LINE_MORE, NULL, 0, false},
        {TEXT("NOOP\r"), 8, SMTP_LINE_MORE, NULL, 0, false},
        {TEXT("NOOP\r\n"), 8, SMTP_LINE_OK, "NOOP", 6, true},
        {TEXT("NOOP\r\nQUIT\r\n"), 8, SMTP_LINE_OK, "NOOP", 6, true},
        {TEXT("\r\n"), 8, SMTP_LINE_OK, "", 2, true},
        {TEXT("12345678\r\n"), 8, SMTP_LINE_OK, "12345678", 10, true},
        {TEXT("12345678\r"), 8, SMTP_LINE_MORE, NULL, 0, false},
        {TEXT("123456789\r\n"), 8, SMTP_LINE_TOO_LONG, NULL, 11, true},
        {TEXT("123456789"), 8, SMTP_LINE_MORE, NULL, 0, false},
        {TEXT("1234567890"), 8, SMTP_LINE_TOO_LONG, NULL, 10, false},
        {TEXT("NOOP\n"), 8, SMTP_LINE_BARE_LF, NULL, 5, true},
        {TEXT("\n\r\n"), 8, SMTP_LINE_BARE_LF, NULL, 1, true},
        {TEXT("NO\0P\r\n"), 8, SMTP_LINE_BAD, NULL, 6, true},
        {TEXT("NO\rP\r\n"), 8, SMTP_LINE_BAD, NULL, 6, true},
        {TEXT("NOOP\r\r\n"), 8, SMTP_LINE_BAD, NULL, 7, true},
        {TEXT("NO\x7fP\r\n"), 8, SMTP_LINE_BAD, NULL, 6, true},
        {TEXT("A\tB\r\n"), 8, SMTP_LINE_OK, "A\tB", 5, true},
        {TEXT("\xc3\xa4\r\n"), 8, SMTP_LINE_OK, "\xc3\xa4", 4, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice line = SLICE_EMPTY;
        size_t used = 99;
        bool ended = false;
        enum smtp_line got = smtp_line_take(rows[i].in, rows[i].max, &line, &used, &ended);
        if (got != rows[i].want || used != rows[i].used || ended != rows[i].ended)
            fail_msg("row %zu: want %d/%zu/%d got %d/%zu/%d", i, rows[i].want, rows[i].used, rows[i].ended, got, used,
                     ended);
        if (rows[i].line != NULL)
            assert_true(is(line, rows[i].line));
    }
}

static void test_commands(void **state) {
    (void)state;
    static const struct {
        const char *line, *verb, *argument; // verb NULL: malformed
    } rows[] = {
        {"NOOP", "NOOP", ""},
        {"mail FROM:<a@b>", "mail", "FROM:<a@b>"},
        {"EHLO  \t x \t", "EHLO", "x"},
        {"", NULL, NULL},
        {" NOOP", NULL, NULL},
        {"MAIL:x", NULL, NULL},
        {"<a>", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smtp_command c;
        bool ok = smtp_command_parse(slice_from_cstr(rows[i].line), &c);
        if (ok != (rows[i].verb != NULL))
            fail_msg("[%s]: got %d", rows[i].line, ok);
        if (ok)
            assert_true(is(c.verb, rows[i].verb) && is(c.argument, rows[i].argument));
    }
}

static void test_paths(void **state) {
    (void)state;
    static const struct {
        const char *argument, *address, *params; // address NULL: malformed
    } rows[] = {
        {"FROM:<a@b.c>", "a@b.c", ""},
        {"from:<a@b.c> SIZE=1", "a@b.c", " SIZE=1"},
        {"FROM: <a@b.c>\tX", "a@b.c", "\tX"},
        {"FROM:<>", "", ""},
        {"FROM:<@a.b,@c.d:e@f.g>", "e@f.g", ""},
        {"FROM:<@a.b>", "@a.b", ""},
        {"FROM:<\"a>b\"@c>", "\"a>b\"@c", ""},
        {"FROM:<\"a\\\">b\"@c> X", "\"a\\\">b\"@c", " X"},
        {"FROM:<a@[IPv6:::1]>", "a@[IPv6:::1]", ""},
        {"FROM:a@b.c", NULL, NULL},
        {"FROM:<a@b.c", NULL, NULL},
        {"FROM:<a@b.c>X", NULL, NULL},
        {"FROM:<\"a>@b", NULL, NULL},
        {"FROM:<\"a\\", NULL, NULL},
        {"FROM <a@b.c>", NULL, NULL},
        {"FROM", NULL, NULL},
        {"FROM:", NULL, NULL},
        {"FRO:<a@b>", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice address, params;
        bool ok = smtp_path_parse(slice_from_cstr(rows[i].argument), SLICE("FROM"), &address, &params);
        if (ok != (rows[i].address != NULL))
            fail_msg("[%s]: got %d", rows[i].argument, ok);
        if (ok)
            assert_true(is(address, rows[i].address) && is(params, rows[i].params));
    }
}

static void test_params(void **state) {
    (void)state;
    static const struct {
        const char *in;
        const char *want; // "KEY=VALUE;" for each, then "." at a good end or "!" at a bad one
    } rows[] = {
        {"", "."},
        {"   ", "."},
        {" SIZE=10 BODY=8BITMIME SMTPUTF8", "SIZE=10;BODY=8BITMIME;SMTPUTF8=;."},
        {" X-Odd=a=b", "X-Odd=a=b;."},
        {" A=1 =2", "A=1;!"},
        {" A=", "!"},
        {" -A=1", "!"},
        {" A_B=1", "!"},
        {" \xc3\xa4", "!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[200] = "";
        size_t n = 0;
        struct slice params = slice_from_cstr(rows[i].in), key, value;
        enum smtp_param r;
        while ((r = smtp_param_next(&params, &key, &value)) == SMTP_PARAM_OK)
            n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s=%.*s;", SLICE_FMT(key), SLICE_FMT(value));
        (void)snprintf(got + n, sizeof(got) - n, "%s", r == SMTP_PARAM_END ? "." : "!");
        assert_string_equal(got, rows[i].want);
    }
}

static void test_chunks(void **state) {
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        uint64_t size;
        bool last;
    } rows[] = {
        {"10", true, 10, false},
        {"0 LAST", true, 0, true},
        {"18446744073709551615 last", true, UINT64_MAX, true},
        {"18446744073709551616", false, 0, false},
        {"", false, 0, false},
        {"x", false, 0, false},
        {"-1", false, 0, false},
        {"0x10", false, 0, false},
        {"10 FIRST", false, 0, false},
        {"10 LAST x", false, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t size = 0;
        bool last = false;
        bool ok = smtp_chunk_parse(slice_from_cstr(rows[i].in), &size, &last);
        if (ok != rows[i].ok || size != rows[i].size || last != rows[i].last)
            fail_msg("[%s]: got %d %llu %d", rows[i].in, ok, (unsigned long long)size, last);
    }
}

static void test_names(void **state) {
    (void)state;
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_true(smtp_is_plausible_name(SLICE("[127.0.0.1]")));
    assert_true(smtp_is_plausible_name(SLICE("my_host")));
    assert_false(smtp_is_plausible_name(SLICE("")));
    assert_false(smtp_is_plausible_name(SLICE("a b")));
    assert_false(smtp_is_plausible_name(slice_from_cstr(long_name)));
}

static void test_sasl(void **state) {
    (void)state;
    static const struct {
        struct slice in;
        const char *authorization, *user, *password; // user NULL: malformed
    } rows[] = {
        {TEXT("\0u\0p"), "", "u", "p"},    {TEXT("a\0u\0p"), "a", "u", "p"},  {TEXT("\0u\0p\0"), NULL, NULL, NULL},
        {TEXT("\0u\0"), NULL, NULL, NULL}, {TEXT("\0\0p"), NULL, NULL, NULL}, {TEXT("u\0p"), NULL, NULL, NULL},
        {TEXT("up"), NULL, NULL, NULL},    {TEXT(""), NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sasl_plain p;
        bool ok = sasl_plain_parse(rows[i].in, &p);
        if (ok != (rows[i].user != NULL))
            fail_msg("row %zu: got %d", i, ok);
        if (ok)
            assert_true(is(p.authorization, rows[i].authorization) && is(p.user, rows[i].user) &&
                        is(p.password, rows[i].password));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_commands), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_params), cmocka_unit_test(test_chunks),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_sasl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
