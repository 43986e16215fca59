// SPDX-License-Identifier: MIT
// Dot-stuffing: what comes out, what is refused, where it ends; and the same for every way to cut the stream in two or
// in octets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/dot.h"

struct outcome {
    char out[256];
    size_t len, consumed;
    bool ended, bad;
};

static void decode(struct dot_decoder *d, struct slice in, struct outcome *o) {
    while (in.len > 0 && !o->ended) {
        struct slice piece;
        size_t consumed;
        o->ended = dot_decode(d, in, &piece, &consumed) == DOT_END;
        assert_true(consumed > 0 && consumed <= in.len);
        assert_true(o->len + piece.len <= sizeof(o->out));
        if (piece.len > 0)
            memcpy(o->out + o->len, piece.ptr, piece.len);
        o->len += piece.len;
        o->consumed += consumed;
        in = slice_sub(in, consumed, in.len);
    }
    o->bad = d->bad;
}

static const struct {
    const char *in, *out;
    bool ended, bad;
    size_t left; // octets behind the end
} table[] = {
    {"", "", false, false, 0},
    {".\r\n", "", true, false, 0},
    {"a\r\n.\r\n", "a\r\n", true, false, 0},
    {"a\r\n.\r\nQUIT\r\n", "a\r\n", true, false, 6},
    {"\r\n.\r\n", "\r\n", true, false, 0},
    {"..\r\n.\r\n", ".\r\n", true, false, 0},
    {"a\r\n..b\r\n...\r\n.\r\n", "a\r\n.b\r\n..\r\n", true, false, 0},
    {"a.b\r\n c.\r\n.\r\n", "a.b\r\n c.\r\n", true, false, 0},
    {"a\r\n.", "a\r\n", false, false, 0},
    {"a\r\n.\r", "a\r\n", false, false, 0},
    {"QUIT\r\n", "QUIT\r\n", false, false, 0},
    // Everything below is a way to smuggle a second end; none of them ends, all are refused.
    {"a\n.\n", "a\n.\n", false, true, 0},
    {"a\r\n.\n", "a\r\n\n", false, true, 0},
    {"a\n.\r\nMAIL\r\n.\r\n", "a\n.\r\nMAIL\r\n", true, true, 0},
    {"a\r.\r\n.\r\n", "a\r.\r\n", true, true, 0},
    {"a\r\n.\r.\r\n.\r\n", "a\r\n.\r\n", true, true, 0},
    {"a\r\r\n.\r\n", "a\r\r\n", true, true, 0},
    {"a\rb\r\n.\r\n", "a\rb\r\n", true, true, 0},
    {"a\nb\r\n.\r\n", "a\nb\r\n", true, true, 0},
    {"\n.\r\n", "\n.\r\n", false, true, 0},
    {".a\r\n.\r\n", "a\r\n", true, true, 0},
    {"a\r\n.b\r\n.\r\n", "a\r\nb\r\n", true, true, 0},
    {"a\r\n.\r\r\n.\r\n", "a\r\n\r\n", true, true, 0},
};

static void check(size_t i, const char *how, const struct outcome *o) {
    size_t in_len = strlen(table[i].in);
    if (!slice_eq(slice_make(o->out, o->len), slice_from_cstr(table[i].out)) || o->ended != table[i].ended ||
        o->bad != table[i].bad || in_len - o->consumed != table[i].left)
        fail_msg("row %zu, %s: got \"%.*s\" ended %d bad %d left %zu, want \"%s\" ended %d bad %d left %zu", i, how,
                 (int)o->len, o->out, o->ended, o->bad, in_len - o->consumed, table[i].out, table[i].ended,
                 table[i].bad, table[i].left);
}

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice in = slice_from_cstr(table[i].in);
        struct dot_decoder d = {0};
        struct outcome whole = {0};
        decode(&d, in, &whole);
        check(i, "whole", &whole);
        for (size_t cut = 0; cut <= in.len; cut++) {
            d = (struct dot_decoder){0};
            struct outcome two = {0};
            decode(&d, slice_sub(in, 0, cut), &two);
            decode(&d, slice_sub(in, cut, in.len), &two);
            check(i, "in two", &two);
        }
        d = (struct dot_decoder){0};
        struct outcome octets = {0};
        for (size_t at = 0; at < in.len; at++)
            decode(&d, slice_sub(in, at, at + 1), &octets);
        check(i, "octet by octet", &octets);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
