// SPDX-License-Identifier: MIT
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/panic.h"

static struct slice of(const char *s) {
    return slice_from_cstr(s);
}

static void assert_slice(struct slice got, const char *want) {
    assert_int_equal(got.len, of(want).len);
    assert_memory_equal(got.ptr, want, got.len);
}

static void sub_clamps(void **state) {
    static const struct {
        size_t from, to;
        const char *want;
    } cases[] = {{0, 5, "hello"}, {1, 3, "el"}, {0, 99, "hello"}, {5, 5, ""}, {4, 2, ""}, {9, 12, ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(slice_sub(SLICE("hello"), cases[i].from, cases[i].to), cases[i].want);
    struct slice nothing = {NULL, 0};
    assert_int_equal(slice_sub(nothing, 0, 3).len, 0);
}

static void equality_and_order(void **state) {
    static const struct {
        const char *a, *b;
        bool eq, eq_ci;
        int order;
    } cases[] = {
        {"", "", true, true, 0},
        {"a", "", false, false, 1},
        {"INBOX", "inbox", false, true, -1},
        {"ab", "abc", false, false, -1},
        {"b", "abc", false, false, 1},
        {"[", "{", false, false, -1},
        {"\xc3\x84", "\xc3\xa4", false, false, -1}, // ASCII only: no folding of umlauts
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice a = of(cases[i].a), b = of(cases[i].b);
        assert_int_equal(slice_eq(a, b), cases[i].eq);
        assert_int_equal(slice_eq_ci(a, b), cases[i].eq_ci);
        int order = slice_cmp(a, b), reverse = slice_cmp(b, a);
        assert_int_equal((order > 0) - (order < 0), cases[i].order);
        assert_int_equal((reverse > 0) - (reverse < 0), -cases[i].order);
    }
    struct slice nothing = {NULL, 0};
    assert_true(slice_eq(nothing, SLICE_EMPTY));
    assert_int_equal(slice_cmp(nothing, SLICE_EMPTY), 0);
}

static void starts_and_ends(void **state) {
    struct slice s = SLICE("Content-Type");
    assert_true(slice_starts_with(s, SLICE("Content-")));
    assert_false(slice_starts_with(s, SLICE("content-")));
    assert_true(slice_starts_with_ci(s, SLICE("content-")));
    assert_true(slice_ends_with(s, SLICE("Type")));
    assert_false(slice_ends_with(s, SLICE("type")));
    assert_true(slice_ends_with_ci(s, SLICE("tYPE")));
    assert_false(slice_starts_with(SLICE("Con"), s));
    assert_false(slice_ends_with(SLICE("Type"), s));
    assert_true(slice_starts_with(s, SLICE_EMPTY) && slice_ends_with(s, SLICE_EMPTY));
}

static void searching(void **state) {
    struct slice s = SLICE("a.b.c");
    assert_int_equal(slice_find(s, '.'), 1);
    assert_int_equal(slice_rfind(s, '.'), 3);
    assert_int_equal(slice_find(s, 'x'), s.len);
    assert_int_equal(slice_rfind(s, 'x'), s.len);
    assert_int_equal(slice_find(SLICE_EMPTY, 'x'), 0);
    assert_int_equal(slice_find_slice(s, SLICE(".c")), 3);
    assert_int_equal(slice_find_slice(s, SLICE("cc")), s.len);
    assert_int_equal(slice_find_slice(s, SLICE("a.b.c.d")), s.len);
    assert_int_equal(slice_find_slice(s, SLICE_EMPTY), 0);
}

static void cutting(void **state) {
    static const struct {
        const char *text, *head, *tail;
        bool found;
    } cases[] = {
        {"a=b", "a", "b", true}, {"a=b=c", "a", "b=c", true}, {"=b", "", "b", true},
        {"a=", "a", "", true},   {"ab", "ab", "", false},     {"", "", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice head, tail;
        assert_int_equal(slice_cut(of(cases[i].text), '=', &head, &tail), cases[i].found);
        assert_slice(head, cases[i].head);
        assert_slice(tail, cases[i].tail);
    }
}

static void trimming_and_words(void **state) {
    assert_slice(slice_trim(SLICE(" \t a b\r\n ")), "a b");
    assert_slice(slice_trim(SLICE(" \r\n")), "");
    struct slice s = SLICE("  one\ttwo  three ");
    assert_slice(slice_next_word(&s), "one");
    assert_slice(slice_next_word(&s), "two");
    assert_slice(slice_next_word(&s), "three");
    assert_slice(slice_next_word(&s), "");
    assert_slice(slice_next_word(&s), "");
}

static void numbers(void **state) {
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 42;
        assert_int_equal(slice_to_u64(of(cases[i].text), &got), cases[i].ok);
        assert_int_equal(got, cases[i].ok ? cases[i].want : 42);
    }
    uint32_t small = 42;
    assert_true(slice_to_u32(SLICE("4294967295"), &small));
    assert_int_equal(small, UINT32_MAX);
    assert_false(slice_to_u32(SLICE("4294967296"), &small));
    assert_int_equal(small, UINT32_MAX);
}

static void copies(void **state) {
    char *copy = slice_dup(slice_sub(SLICE("abcdef"), 1, 4));
    assert_string_equal(copy, "bcd");
    free(copy);
    copy = slice_dup((struct slice){NULL, 0});
    assert_string_equal(copy, "");
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sub_clamps),      cmocka_unit_test(equality_and_order),
        cmocka_unit_test(starts_and_ends), cmocka_unit_test(searching),
        cmocka_unit_test(cutting),         cmocka_unit_test(trimming_and_words),
        cmocka_unit_test(numbers),         cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
