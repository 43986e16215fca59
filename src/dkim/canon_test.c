// SPDX-License-Identifier: MIT
// Canonicalisation: the examples of RFC 6376 3.4.5, the oddities, and the streaming form against the plain one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "dkim/body_hash.h"
#include "dkim/canon.h"
#include "dkim/test_canon.h"

static const struct {
    struct slice body, simple, relaxed;
} bodies[] = {
    // RFC 6376 3.4.5 and 3.4.3.
    {SLICE(" C \r\nD \t E\r\n\r\n\r\n"), SLICE(" C \r\nD \t E\r\n"), SLICE(" C\r\nD E\r\n")},
    {SLICE(""), SLICE("\r\n"), SLICE("")},
    {SLICE("\r\n"), SLICE("\r\n"), SLICE("")},
    {SLICE("\r\n\r\n\r\n"), SLICE("\r\n"), SLICE("")},
    {SLICE("a"), SLICE("a\r\n"), SLICE("a\r\n")},
    {SLICE("a\r\n"), SLICE("a\r\n"), SLICE("a\r\n")},
    {SLICE("a\r\n\r\nb"), SLICE("a\r\n\r\nb\r\n"), SLICE("a\r\n\r\nb\r\n")},
    {SLICE("\r\n\r\na\r\n"), SLICE("\r\n\r\na\r\n"), SLICE("\r\n\r\na\r\n")},
    {SLICE(" \t "), SLICE(" \t \r\n"), SLICE("")},
    {SLICE(" \r\n\t\r\n"), SLICE(" \r\n\t\r\n"), SLICE("")},
    {SLICE("a \t\r\n \r\n"), SLICE("a \t\r\n \r\n"), SLICE("a\r\n")},
    {SLICE("a\r\n \r\nb"), SLICE("a\r\n \r\nb\r\n"), SLICE("a\r\n\r\nb\r\n")},
    {SLICE("\t\ta\t\tb\t\t"), SLICE("\t\ta\t\tb\t\t\r\n"), SLICE(" a b\r\n")},
    {SLICE("caf\xc3\xa9\xff\r\n"), SLICE("caf\xc3\xa9\xff\r\n"), SLICE("caf\xc3\xa9\xff\r\n")},
    {SLICE("a\0b\r\n"), SLICE("a\0b\r\n"), SLICE("a\0b\r\n")},
    // A lone CR or LF ends no line.
    {SLICE("a\rb\nc"), SLICE("a\rb\nc\r\n"), SLICE("a\rb\nc\r\n")},
    {SLICE("a \r"), SLICE("a \r\r\n"), SLICE("a \r\r\n")},
    {SLICE("a\r\r\n"), SLICE("a\r\r\n"), SLICE("a\r\r\n")},
    {SLICE("a\r\n\n"), SLICE("a\r\n\n\r\n"), SLICE("a\r\n\n\r\n")},
    {SLICE("\n\r\n\r\n"), SLICE("\n\r\n"), SLICE("\n\r\n")},
};

// In pieces of `step` octets.
static void canon(enum dkim_canon how, struct slice body, size_t step, struct buf *out) {
    struct dkim_canon_body c;
    dkim_canon_body_init(&c, how);
    for (size_t at = 0; at < body.len; at += step)
        dkim_canon_body_update(&c, slice_sub(body, at, at + step), test_buf_sink(out));
    dkim_canon_body_finish(&c, test_buf_sink(out));
}

static void check(enum dkim_canon how, struct slice body, size_t step, struct slice want) {
    struct buf got = {.max = 1 << 20};
    canon(how, body, step, &got);
    if (!slice_eq(buf_slice(&got), want))
        fail_msg("%s, step %zu of '%.*s': got '%.*s', want '%.*s'", how == DKIM_SIMPLE ? "simple" : "relaxed", step,
                 SLICE_FMT(body), SLICE_FMT(buf_slice(&got)), SLICE_FMT(want));
    buf_done(&got);
}

static void test_bodies(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (size_t step = 1; step < 8; step++) {
            check(DKIM_SIMPLE, bodies[i].body, step, bodies[i].simple);
            check(DKIM_RELAXED, bodies[i].body, step, bodies[i].relaxed);
        }
        struct buf plain = {.max = 1 << 20};
        test_canon_body(DKIM_RELAXED, bodies[i].body, &plain);
        assert_true(slice_eq(buf_slice(&plain), bodies[i].relaxed));
        buf_done(&plain);
    }
}

// Text made of what matters.
static void test_against_plain(void **state) {
    static const char *const words[] = {"a", " ", "\t", "\r\n", "\r\n\r\n", "\r", "\n", "word", " \r\n", "\xc3\xa9"};
    char text[2048];
    for (size_t round = 0; round < 5000; round++) {
        size_t len = 0, n = random_u64() % 40;
        for (size_t i = 0; i < n; i++) {
            const char *word = words[random_u64() % ARRAY_LEN(words)];
            memcpy(text + len, word, strlen(word));
            len += strlen(word);
        }
        for (size_t how = DKIM_SIMPLE; how <= DKIM_RELAXED; how++) {
            struct buf want = {.max = 1 << 20};
            test_canon_body((enum dkim_canon)how, slice_make(text, len), &want);
            check((enum dkim_canon)how, slice_make(text, len), 1 + random_u64() % 9, buf_slice(&want));
            buf_done(&want);
        }
    }
}

// More held back, and longer runs, than any buffer inside.
static void test_large(void **state) {
    struct buf body = {.max = 1 << 20};
    for (size_t i = 0; i < 3 * DKIM_CANON_CHUNK; i++)
        assert_true(buf_append_cstr(&body, "\r\n"));
    for (size_t i = 0; i < 3 * DKIM_CANON_CHUNK; i++)
        assert_true(buf_append_cstr(&body, i % 700 == 0 ? " " : "x"));
    for (size_t i = 0; i < 3 * DKIM_CANON_CHUNK; i++)
        assert_true(buf_append_cstr(&body, " \r\n"));
    for (size_t how = DKIM_SIMPLE; how <= DKIM_RELAXED; how++) {
        static const size_t steps[] = {1, 511, 512, 513, 4096, 1 << 20};
        struct buf want = {.max = 1 << 20};
        test_canon_body((enum dkim_canon)how, buf_slice(&body), &want);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            check((enum dkim_canon)how, buf_slice(&body), steps[i], buf_slice(&want));
        buf_done(&want);
    }
    buf_done(&body);
}

// ---- fields ----

static const struct {
    struct slice raw, relaxed;
} fields[] = {
    {SLICE("A: X\r\n"), SLICE("a:X\r\n")},
    {SLICE("B : Y\t\r\n\tZ  \r\n"), SLICE("b:Y Z\r\n")},
    {SLICE("Subject:no space"), SLICE("subject:no space\r\n")},
    {SLICE("SUBJECT:\r\n"), SLICE("subject:\r\n")},
    {SLICE("x: \t \r\n \r\n"), SLICE("x:\r\n")},
    {SLICE("x:\r\n a\r\n \r\n\tb\r\n"), SLICE("x:a b\r\n")},
    {SLICE("x: a:b : c\r\n"), SLICE("x:a:b : c\r\n")},
    {SLICE("x: caf\xc3\xa9 \xff\r\n"), SLICE("x:caf\xc3\xa9 \xff\r\n")},
};

static struct header_field field_of(struct slice raw) {
    struct header_field field;
    assert_int_equal(header_next(&raw, &field), HEADER_FIELD);
    assert_int_equal(raw.len, 0);
    return field;
}

static void test_fields(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct header_field field = field_of(fields[i].raw);
        struct buf relaxed = {.max = 1024}, simple = {.max = 1024}, plain = {.max = 1024};
        dkim_canon_field(DKIM_RELAXED, &field, false, SLICE_EMPTY, test_buf_sink(&relaxed));
        dkim_canon_field(DKIM_SIMPLE, &field, false, SLICE_EMPTY, test_buf_sink(&simple));
        if (!slice_eq(buf_slice(&relaxed), fields[i].relaxed))
            fail_msg("got '%.*s', want '%.*s'", SLICE_FMT(buf_slice(&relaxed)), SLICE_FMT(fields[i].relaxed));
        assert_true(slice_starts_with(buf_slice(&simple), slice_trim(fields[i].raw)));
        assert_true(slice_ends_with(buf_slice(&simple), SLICE("\r\n")));
        test_canon_field(DKIM_RELAXED, &field, &plain);
        assert_true(buf_append_cstr(&plain, "\r\n"));
        assert_true(slice_eq(buf_slice(&relaxed), buf_slice(&plain)));
        buf_done(&relaxed);
        buf_done(&simple);
        buf_done(&plain);
    }
}

static void test_hole(void **state) {
    static const struct {
        struct slice raw, hole, simple, relaxed;
    } table[] = {
        {SLICE("S: a=1;\r\n b= x\r\n y ; c=2\r\n"), SLICE(" x\r\n y "), SLICE("S: a=1;\r\n b=; c=2"),
         SLICE("s:a=1; b=; c=2")},
        {SLICE("S: b=xy\r\n"), SLICE("xy"), SLICE("S: b="), SLICE("s:b=")},
        {SLICE("S: b="), SLICE(""), SLICE("S: b="), SLICE("s:b=")},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct header_field field = field_of(table[i].raw);
        size_t at = slice_find_slice(field.value, SLICE("b=")) + 2;
        struct slice hole = slice_sub(field.value, at, at + table[i].hole.len);
        assert_true(slice_eq(hole, table[i].hole));
        struct buf relaxed = {.max = 1024}, simple = {.max = 1024};
        dkim_canon_field(DKIM_RELAXED, &field, true, hole, test_buf_sink(&relaxed));
        dkim_canon_field(DKIM_SIMPLE, &field, true, hole, test_buf_sink(&simple));
        assert_true(slice_eq(buf_slice(&simple), table[i].simple));
        assert_true(slice_eq(buf_slice(&relaxed), table[i].relaxed));
        buf_done(&relaxed);
        buf_done(&simple);
    }
}

// ---- the hash ----

static void test_limits(void **state) {
    static const struct {
        uint64_t limit, covered;
        struct slice same_as; // the simple body with the same hash
    } table[] = {
        {0, 0, SLICE("")},           {3, 3, SLICE("a\r\n")},      {5, 5, SLICE("a\r\nb\r")},
        {6, 6, SLICE("a\r\nb\r\n")}, {7, 6, SLICE("a\r\nb\r\n")}, {UINT64_MAX, 6, SLICE("a\r\nb\r\n")},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        uint8_t got[DKIM_HASH_LEN], want[DKIM_HASH_LEN];
        uint64_t covered, total;
        struct dkim_body_hash *h = dkim_body_hash_new(DKIM_SIMPLE, true, table[i].limit);
        dkim_body_hash_update(h, SLICE("a\r\n"));
        struct dkim_body_hash *copy = dkim_body_hash_copy(h);
        dkim_body_hash_update(h, SLICE("something else"));
        dkim_body_hash_free(h);
        dkim_body_hash_update(copy, SLICE("b\r\n\r\n"));
        dkim_body_hash_finish(copy, got, &covered, &total);
        dkim_body_hash_free(copy);
        assert_int_equal(covered, table[i].covered);
        assert_int_equal(total, 6);
        h = dkim_body_hash_new(DKIM_SIMPLE, true, table[i].same_as.len);
        dkim_body_hash_update(h, table[i].same_as);
        dkim_body_hash_finish(h, want, NULL, NULL);
        dkim_body_hash_free(h);
        assert_memory_equal(got, want, sizeof(got));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies), cmocka_unit_test(test_against_plain), cmocka_unit_test(test_large),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_hole),          cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
