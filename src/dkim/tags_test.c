// SPDX-License-Identifier: MIT
// Tag lists, colon lists, base64 with white space.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "dkim/tags.h"

static const struct {
    struct slice text;
    const char *want; // "name=value|" for each, or NULL
} lists[] = {
    {SLICE("a=1"), "a=1|"},
    {SLICE("a=1;"), "a=1|"},
    {SLICE("a=1; "), "a=1|"},
    {SLICE("a=1;\r\n\t"), "a=1|"},
    {SLICE("a=1\r\n"), "a=1|"},
    {SLICE(" a = 1 2 ; b_2=\r\n\t x=y=\r\n "), "a=1 2|b_2=x=y=|"},
    {SLICE("a=;A="), "a=|A=|"},
    {SLICE("a=1\r\n 2"), "a=1\r\n 2|"},
    {SLICE("a=caf\xc3\xa9"), "a=caf\xc3\xa9|"},
    {SLICE("a=!~<>@[]\"\\"), "a=!~<>@[]\"\\|"},
    {SLICE(""), NULL},
    {SLICE(" "), NULL},
    {SLICE(";"), NULL},
    {SLICE("a=1;;"), NULL},
    {SLICE("a=1;;b=2"), NULL},
    {SLICE(";a=1"), NULL},
    {SLICE("a"), NULL},
    {SLICE("=1"), NULL},
    {SLICE("a=1;b"), NULL},
    {SLICE("1a=1"), NULL},
    {SLICE("_a=1"), NULL},
    {SLICE("a-b=1"), NULL},
    {SLICE("a b=1"), NULL},
    {SLICE("a=1;a=2"), NULL},
    {SLICE("a=1; a =2"), NULL},
    {SLICE("a=1\0"), NULL},
    {SLICE("a=\x01"), NULL},
    {SLICE("a=\x7f"), NULL},
    {SLICE("a=1\r\n2"), NULL},
    {SLICE("a=1\r 2"), NULL},
    {SLICE("a=1\n 2"), NULL},
    {SLICE("a=1\r\n\r\n 2"), NULL},
    {SLICE("a=1\r"), NULL},
};

static void test_lists(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct dkim_tags tags;
        bool ok = dkim_tags_parse(lists[i].text, &tags);
        struct buf got = {.max = 1024};
        for (size_t k = 0; ok && k < tags.n; k++)
            assert_true(buf_printf(&got, "%.*s=%.*s|", SLICE_FMT(tags.tags[k].name), SLICE_FMT(tags.tags[k].value)));
        struct slice want = slice_from_cstr(lists[i].want != NULL ? lists[i].want : "");
        if (ok != (lists[i].want != NULL) || !slice_eq(buf_slice(&got), want))
            fail_msg("%.*s: got %d %.*s", SLICE_FMT(lists[i].text), ok, SLICE_FMT(buf_slice(&got)));
        buf_done(&got);
    }
}

static void test_raw(void **state) {
    struct dkim_tags tags;
    struct slice text = SLICE("v=1; b =\r\n ab\r\n\tcd ; c=x");
    assert_true(dkim_tags_parse(text, &tags));
    const struct dkim_tag *b = dkim_tags_find(&tags, "b");
    assert_non_null(b);
    assert_true(slice_eq(b->raw, SLICE("\r\n ab\r\n\tcd ")));
    assert_true(b->raw.ptr == text.ptr + 8);
    assert_null(dkim_tags_find(&tags, "B"));
    assert_null(dkim_tags_find(&tags, ""));
}

static void test_bound(void **state) {
    char text[1024];
    for (size_t n = DKIM_TAGS_MAX - 1; n <= DKIM_TAGS_MAX + 1; n++) {
        size_t len = 0;
        for (size_t i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "t%zu=x;", i);
        struct dkim_tags tags;
        assert_int_equal(dkim_tags_parse(slice_make(text, len), &tags), n <= DKIM_TAGS_MAX);
    }
}

static void test_colon_lists(void **state) {
    static const struct {
        struct slice list;
        size_t n; // elements
        bool has; // "from"
    } table[] = {
        {SLICE("from"), 1, true},    {SLICE("From : To:\r\n subject"), 3, true},
        {SLICE("to:FROM"), 2, true}, {SLICE("to: fro m"), 2, false},
        {SLICE("from:"), 2, true},   {SLICE(":"), 2, false},
        {SLICE(""), 1, false},       {SLICE("xfrom:fromx"), 2, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice list = table[i].list, element;
        size_t n = 0;
        while (dkim_list_next(&list, &element))
            n++;
        if (n != table[i].n || dkim_list_has(table[i].list, SLICE("from")) != table[i].has)
            fail_msg("%.*s: got %zu elements, want %zu", SLICE_FMT(table[i].list), n, table[i].n);
    }
}

static void test_base64(void **state) {
    static const struct {
        struct slice text;
        const char *want; // NULL: refused
    } table[] = {
        {SLICE("YWJj"), "abc"},
        {SLICE("YWI="), "ab"},
        {SLICE("YQ=="), "a"},
        {SLICE(" Y\r\n\tWJ j "), "abc"},
        {SLICE("YQ=\r\n ="), "a"},
        {SLICE("YWJjZGVm"), "abcdef"},
        {SLICE("YWJjZGVmZw=="), NULL}, // 7 octets
        {SLICE(""), NULL},
        {SLICE(" "), NULL},
        {SLICE("===="), NULL},
        {SLICE("YQ"), NULL},
        {SLICE("YQ="), NULL},
        {SLICE("YQ==="), NULL},
        {SLICE("YR=="), NULL},
        {SLICE("YWJjYQ==YQ=="), NULL},
        {SLICE("YW*j"), NULL},
        {SLICE("YW-_"), NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char got[6];
        size_t len = 0;
        bool ok = dkim_base64(table[i].text, got, sizeof(got), &len);
        if (ok != (table[i].want != NULL) || (ok && !slice_eq(slice_make(got, len), slice_from_cstr(table[i].want))))
            fail_msg("%.*s: got %d", SLICE_FMT(table[i].text), ok);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_raw),    cmocka_unit_test(test_bound),
        cmocka_unit_test(test_colon_lists), cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
