// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/dot.h"
#include "mail/stuffing.h"

static void stuff(struct slice in, size_t step, struct buf *out) {
    struct stuffing s = {0};
    for (size_t at = 0; at < in.len; at += step) {
        struct slice piece = slice_sub(in, at, at + step), part;
        while (stuffing_next(&s, &piece, &part))
            assert_true(buf_append_slice(out, part));
    }
    assert_true(buf_append_slice(out, stuffing_end(&s)));
}

// What a server reads out of it again.
static void unstuff(struct slice in, struct buf *out) {
    struct dot_decoder d = {0};
    enum dot_result r = DOT_DATA;
    while (in.len > 0 && r == DOT_DATA) {
        struct slice text;
        size_t used;
        r = dot_decode(&d, in, &text, &used);
        assert_true(buf_append_slice(out, text));
        in = slice_sub(in, used, in.len);
    }
    assert_int_equal(r, DOT_END);
    assert_int_equal(in.len, 0);
    assert_false(d.bad);
}

static void test_stuffing(void **state) {
    (void)state;
    static const struct {
        const char *in, *want;
        const char *read; // NULL: as `in`
    } rows[] = {
        {"", ".\r\n", NULL},
        {"a\r\n", "a\r\n.\r\n", NULL},
        {"a", "a\r\n.\r\n", "a\r\n"},
        {".\r\n", "..\r\n.\r\n", NULL},
        {".", "..\r\n.\r\n", ".\r\n"},
        {"..\r\n", "...\r\n.\r\n", NULL},
        {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n", NULL},
        {"\r\n.b.\r\n..\r\n\r\n", "\r\n..b.\r\n...\r\n\r\n.\r\n", NULL},
        {"a.\r\n.a\r\n", "a.\r\n..a\r\n.\r\n", NULL},
        {"\r\n", "\r\n.\r\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step < 12; step++) {
            struct buf stuffed, read;
            struct slice want = slice_from_cstr(rows[i].want);
            struct slice back = slice_from_cstr(rows[i].read != NULL ? rows[i].read : rows[i].in);
            buf_init(&stuffed, 1000);
            buf_init(&read, 1000);
            stuff(slice_from_cstr(rows[i].in), step, &stuffed);
            unstuff(buf_slice(&stuffed), &read);
            if (!slice_eq(buf_slice(&stuffed), want) || !slice_eq(buf_slice(&read), back))
                fail_msg("row %zu step %zu: want [%s] got [%.*s]", i, step, rows[i].want,
                         SLICE_FMT(buf_slice(&stuffed)));
            buf_done(&stuffed);
            buf_done(&read);
        }
    }
}

// A message is checked when it is accepted; should a bare LF ever stand in one, it ends nothing for anybody.
static void test_bare_line_ends(void **state) {
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {{"a\n.\r\nb\r\n", "a\n..\r\nb\r\n.\r\n"}, {"a\n", "a\n\r\n.\r\n"}, {"a\r", "a\r\r\n.\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf stuffed;
        buf_init(&stuffed, 1000);
        stuff(slice_from_cstr(rows[i].in), 3, &stuffed);
        assert_true(slice_eq(buf_slice(&stuffed), slice_from_cstr(rows[i].want)));
        buf_done(&stuffed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stuffing), cmocka_unit_test(test_bare_line_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
