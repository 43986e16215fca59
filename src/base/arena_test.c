// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void memory_is_zeroed_aligned_and_apart(void **state) {
    struct arena a;
    arena_init(&a, 100000);
    unsigned char *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&a, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], i);
    arena_reset(&a);
}

static void the_maximum_counts_what_was_handed_out(void **state) {
    struct arena a;
    arena_init(&a, 100);
    assert_non_null(arena_alloc(&a, 60));
    assert_null(arena_alloc(&a, 41));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_non_null(arena_alloc(&a, 40));
    assert_null(arena_alloc(&a, 1));
    assert_int_equal(a.used, 100);
    arena_reset(&a);
    assert_null(a.head);
    assert_non_null(arena_alloc(&a, 100));
    arena_reset(&a);
}

static void copies_end_in_nul(void **state) {
    struct arena a;
    arena_init(&a, 5000);
    struct slice copy = arena_copy(&a, SLICE("abc"));
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    assert_string_equal(arena_copy(&a, (struct slice){NULL, 0}).ptr, "");
    static char large[4000];
    copy = arena_copy(&a, slice_make(large, sizeof(large)));
    assert_int_equal(copy.len, sizeof(large));
    assert_null(arena_copy(&a, slice_make(large, sizeof(large))).ptr);
    arena_reset(&a);
    struct arena zeroed = {0};
    arena_reset(&zeroed);
    assert_null(arena_alloc(&zeroed, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_maximum_counts_what_was_handed_out),
        cmocka_unit_test(copies_end_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
