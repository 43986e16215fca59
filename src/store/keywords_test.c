// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "store/keywords.h"

static void test_apply(void **state) {
    static const struct {
        const char *old;
        enum store_flags_mode mode;
        const char *change, *want;
    } cases[] = {
        {"", STORE_FLAGS_REPLACE, "", ""},
        {"", STORE_FLAGS_REPLACE, "b a", "a b"},
        {"", STORE_FLAGS_REPLACE, "  b\ta  a ", "a b"},
        {"x y", STORE_FLAGS_REPLACE, "z", "z"},
        {"x y", STORE_FLAGS_ADD, "", "x y"},
        {"x y", STORE_FLAGS_ADD, "X a Y", "a x y"},
        {"$Junk", STORE_FLAGS_ADD, "$junk $JUNK", "$Junk"},
        {"x y z", STORE_FLAGS_REMOVE, "Y q", "x z"},
        {"x", STORE_FLAGS_REMOVE, "x", ""},
        {"", STORE_FLAGS_REMOVE, "x", ""},
        {"ab", STORE_FLAGS_ADD, "a abc", "a ab abc"},
        {"X y", STORE_FLAGS_REMOVE, "x x z Y", ""},
        {"X b", STORE_FLAGS_ADD, "c x a B", "a b c X"},
        {"x", STORE_FLAGS_REPLACE, "B X b A", "A B X"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[STORE_KEYWORDS_MAX + 1];
        assert_true(keywords_apply(cases[i].old, cases[i].mode, cases[i].change, got));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: got \"%s\", want \"%s\"", i, got, cases[i].want);
    }
}

static void test_limit(void **state) {
    char half[STORE_KEYWORDS_MAX / 2 + 1], other[STORE_KEYWORDS_MAX / 2 + 1], got[STORE_KEYWORDS_MAX + 1] = "before";
    memset(half, 'a', sizeof(half));
    memset(other, 'b', sizeof(other));
    half[sizeof(half) - 1] = other[sizeof(other) - 1] = '\0';
    assert_false(keywords_apply(half, STORE_FLAGS_ADD, other, got));
    assert_string_equal(got, "before");
    other[sizeof(other) - 2] = '\0';
    assert_true(keywords_apply(half, STORE_FLAGS_ADD, other, got));
    assert_int_equal(strlen(got), STORE_KEYWORDS_MAX);
}

// As many words as fit, on both sides: none is lost or left.
static void test_many(void **state) {
    enum { WORDS = STORE_KEYWORDS_MAX / 3 };
    char old[STORE_KEYWORDS_MAX + 1], change[STORE_KEYWORDS_MAX + 1], got[STORE_KEYWORDS_MAX + 1];
    for (size_t i = 0, j = WORDS - 1; i < WORDS; i++, j--) {
        memcpy(old + 3 * i, (char[]){(char)('a' + i / 26), (char)('a' + i % 26), ' '}, 3);
        memcpy(change + 3 * i, (char[]){(char)('A' + j / 26), (char)('A' + j % 26), ' '}, 3);
    }
    old[3 * WORDS - 1] = change[3 * WORDS - 1] = '\0';
    assert_true(keywords_apply(old, STORE_FLAGS_ADD, change, got));
    assert_string_equal(got, old);
    assert_true(keywords_apply(old, STORE_FLAGS_REMOVE, change, got));
    assert_string_equal(got, "");
    change[3] = '-';
    assert_true(keywords_apply(old, STORE_FLAGS_REMOVE, change, got));
    assert_int_equal(strlen(got), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_apply), cmocka_unit_test(test_limit),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("store/keywords", tests, NULL, NULL);
}
