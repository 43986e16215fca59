// SPDX-License-Identifier: MIT
// Headers: where they end, their fields, and edits that leave all other octets as they were.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/header.h"

static void check_buf(const char *label, struct buf *got, const char *want) {
    struct slice s = buf_slice(got);
    if (!slice_eq(s, slice_from_cstr(want)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", label, SLICE_FMT(s), want);
    buf_done(got);
}

static void test_find_end(void **state) {
    (void)state;
    static const struct {
        const char *data;
        bool ok;
        size_t want;
    } table[] = {
        {"A: b\r\n\r\nbody", true, 8}, {"\r\nbody", true, 2}, {"A: b\r\n\r\n", true, 8},     {"A: b\r\n", false, 0},
        {"A: b\n\nbody", false, 0},    {"", false, 0},        {"A: b\r\n\r\n\r\n", true, 8}, {"\r", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        size_t got = 0;
        bool ok = header_find_end(slice_from_cstr(table[i].data), &got);
        if (ok != table[i].ok || got != table[i].want)
            fail_msg("\"%s\": got %d %zu, want %d %zu", table[i].data, ok, got, table[i].ok, table[i].want);
    }
}

static void test_next(void **state) {
    (void)state;
    struct slice rest = SLICE("One: 1\r\nTwo : a\r\n b\r\n\tc\r\nno colon\r\n and more\r\nN\xC3\xA4me: x\r\n: y\r\n"
                              "Empty:\r\nThree:3\r\n\r\nBody: no\r\n");
    static const struct {
        enum header_next kind;
        const char *name, *value, *raw;
    } table[] = {
        {HEADER_FIELD, "One", " 1", "One: 1\r\n"},
        {HEADER_FIELD, "Two", " a\r\n b\r\n\tc", "Two : a\r\n b\r\n\tc\r\n"},
        {HEADER_BAD, "", "", "no colon\r\n and more\r\n"},
        {HEADER_BAD, "", "", "N\xC3\xA4me: x\r\n"},
        {HEADER_BAD, "", "", ": y\r\n"},
        {HEADER_FIELD, "Empty", "", "Empty:\r\n"},
        {HEADER_FIELD, "Three", "3", "Three:3\r\n"},
    };
    struct header_field f;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        enum header_next kind = header_next(&rest, &f);
        if (kind != table[i].kind || !slice_eq(f.name, slice_from_cstr(table[i].name)) ||
            !slice_eq(f.value, slice_from_cstr(table[i].value)) || !slice_eq(f.raw, slice_from_cstr(table[i].raw)))
            fail_msg("%zu: got %d \"%.*s\", want %d \"%s\"", i, kind, SLICE_FMT(f.raw), table[i].kind, table[i].raw);
    }
    assert_int_equal(header_next(&rest, &f), HEADER_END);
    assert_int_equal(header_next(&rest, &f), HEADER_END);
    assert_true(slice_eq(rest, SLICE("\r\nBody: no\r\n")));
}

static void test_next_odd_ends(void **state) {
    (void)state;
    static const struct {
        const char *data;
        enum header_next kind;
        const char *value;
    } table[] = {
        {"A: no line end", HEADER_FIELD, " no line end"},
        {"A: b\nC: d\r\nE: f\r\n", HEADER_FIELD, " b\nC: d"}, // a bare LF ends nothing
        {"A: b\rc\r\n", HEADER_FIELD, " b\rc"},
        {" folded first\r\n", HEADER_BAD, ""},
        {"", HEADER_END, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice rest = slice_from_cstr(table[i].data);
        struct header_field f;
        assert_int_equal(header_next(&rest, &f), table[i].kind);
        if (table[i].value != NULL)
            assert_true(slice_eq(f.value, slice_from_cstr(table[i].value)));
    }
}

static void test_find(void **state) {
    (void)state;
    struct slice header = SLICE("bad line\r\nSubject: one\r\nSUBJECT: two\r\nX:  a\r\n b \r\n\r\nTo: body\r\n");
    struct slice value;
    assert_true(header_find(header, SLICE("subject"), &value));
    assert_true(slice_eq(value, SLICE("one")));
    assert_true(header_find(header, SLICE("X"), &value));
    assert_true(slice_eq(value, SLICE("a\r\n b")));
    assert_false(header_find(header, SLICE("To"), &value));
    assert_false(header_find(header, SLICE("Subj"), &value));
}

static void test_unfold(void **state) {
    (void)state;
    static const struct {
        const char *value, *want;
    } table[] = {
        {" plain ", "plain"}, {" a\r\n b\r\n\tc", "a b\tc"}, {"", ""}, {" \r\n ", ""}, {"a\rb\nc", "a\rb\nc"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out;
        buf_init(&out, 64);
        assert_true(header_unfold(slice_from_cstr(table[i].value), &out));
        check_buf(table[i].value, &out, table[i].want);
    }
    struct buf small;
    buf_init(&small, 2);
    assert_false(header_unfold(SLICE("abc"), &small));
    buf_done(&small);
}

static const struct {
    const char *label;
    enum header_edit how;
    const char *header, *want;
} rewrite_table[] = {
    {"submitted", HEADER_EDIT_SUBMITTED,
     "Received: from a\r\n by b\r\nFrom: <x@y>\r\nuser-agent: U\r\nX-MAILER: M\r\nX-Originating-Ip: 192.0.2.1\r\n"
     "Subject: secret\r\n folded\r\nX-Received: stays\r\nDKIM-Signature: v=1\r\n\r\n",
     "From: <x@y>\r\nSubject: [...]\r\nX-Received: stays\r\nDKIM-Signature: v=1\r\n\r\n"},
    {"several subjects", HEADER_EDIT_SUBMITTED, "Subject: a\r\nsubject : b\r\nFrom: c\r\n",
     "Subject: [...]\r\nSubject: [...]\r\nFrom: c\r\n"},
    {"no subject: none added", HEADER_EDIT_SUBMITTED, "From: c\r\n\r\n", "From: c\r\n\r\n"},
    {"odd octets stay", HEADER_EDIT_SUBMITTED, "no field\r\nX :\t y \r\n  z\r\n\r\n",
     "no field\r\nX :\t y \r\n  z\r\n\r\n"},
    {"all goes", HEADER_EDIT_SUBMITTED, "Received: a\r\n\r\n", "\r\n"},
    {"empty", HEADER_EDIT_SUBMITTED, "", ""},
    {"delivered", HEADER_EDIT_DELIVERED,
     "Authentication-Results: x;\r\n\tdkim=pass\r\nDKIM-Signature: v=1;\r\n b=\r\n c\r\nReceived: y\r\nSubject: "
     "[...]\r\n"
     "User-Agent: stays\r\nReceived: z\r\n\r\n",
     "Subject: [...]\r\nUser-Agent: stays\r\n\r\n"},
    {"delivered, cut without line end", HEADER_EDIT_DELIVERED, "From: a\r\nReceived: y", "From: a\r\n"},
};

static void test_rewrite(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rewrite_table); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_true(header_rewrite(slice_from_cstr(rewrite_table[i].header), rewrite_table[i].how, &out));
        check_buf(rewrite_table[i].label, &out, rewrite_table[i].want);
    }
    struct buf small;
    buf_init(&small, 10);
    assert_false(header_rewrite(SLICE("From: somebody\r\n\r\n"), HEADER_EDIT_DELIVERED, &small));
    buf_done(&small);
}

static void test_select(void **state) {
    (void)state;
    struct slice header = SLICE("From: a\r\nTo: b\r\n c\r\nbad\r\nfrom: d\r\nX: e\r\n\r\n");
    const struct slice names[] = {SLICE("FROM"), SLICE("to"), SLICE("Missing")};
    struct buf out;
    buf_init(&out, 4096);
    assert_true(header_select(header, names, 3, false, &out));
    check_buf("named", &out, "From: a\r\nTo: b\r\n c\r\nfrom: d\r\n\r\n");
    assert_true(header_select(header, names, 3, true, &out));
    check_buf("others", &out, "bad\r\nX: e\r\n\r\n");
    assert_true(header_select(header, names, 0, false, &out));
    check_buf("none", &out, "\r\n");
    assert_true(header_select(SLICE("X: cut"), names, 3, true, &out));
    check_buf("no line end", &out, "X: cut\r\n\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_end), cmocka_unit_test(test_next),   cmocka_unit_test(test_next_odd_ends),
        cmocka_unit_test(test_find),     cmocka_unit_test(test_unfold), cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
