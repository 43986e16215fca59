// SPDX-License-Identifier: MIT
#include "http/web/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static const uint64_t start_us = 1000000;

static int setup(void **state) {
    clock_set_fake(start_us, 1700000000);
    *state = challenges_new();
    return 0;
}

static int teardown(void **state) {
    challenges_free(*state);
    clock_use_real();
    return 0;
}

static const char *find(struct challenges *c, const char *token) {
    static char text[CHALLENGE_TEXT_MAX + 1];
    return challenges_find(c, slice_from_cstr(token), text) ? text : "(none)";
}

static void set_find_clear(void **state) {
    struct challenges *c = *state;
    assert_string_equal(find(c, "one"), "(none)");
    assert_true(challenges_set(c, SLICE("one"), SLICE("one.key")));
    assert_true(challenges_set(c, SLICE("two"), SLICE("two.key")));
    assert_string_equal(find(c, "one"), "one.key");
    assert_string_equal(find(c, "on"), "(none)");
    assert_true(challenges_set(c, SLICE("one"), SLICE("one.other")));
    assert_string_equal(find(c, "one"), "one.other");
    challenges_clear(c, SLICE("one"));
    challenges_clear(c, SLICE("never"));
    assert_string_equal(find(c, "one"), "(none)");
    assert_string_equal(find(c, "two"), "two.key");
}

static void what_is_no_token(void **state) {
    static const char *const tokens[] = {"", "a/b", "a.b", "a b", "a=", "../x", "a%2f", "\xc3\xa9"};
    struct challenges *c = *state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        if (challenges_set(c, slice_from_cstr(tokens[i]), SLICE("text")))
            fail_msg("token \"%s\" was accepted", tokens[i]);
    char longest[CHALLENGE_TEXT_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    assert_true(challenges_set(c, slice_make(longest, CHALLENGE_TOKEN_MAX), slice_make(longest, CHALLENGE_TEXT_MAX)));
    assert_false(challenges_set(c, slice_make(longest, CHALLENGE_TOKEN_MAX + 1), SLICE("text")));
    assert_false(challenges_set(c, SLICE("token"), slice_make(longest, CHALLENGE_TEXT_MAX + 1)));
    assert_false(challenges_set(c, SLICE("token"), SLICE("")));
}

static void a_full_table_empties_within_an_hour(void **state) {
    struct challenges *c = *state;
    char token[16];
    for (int i = 0; i < CHALLENGES_MAX; i++) {
        (void)snprintf(token, sizeof(token), "token%d", i);
        assert_true(challenges_set(c, slice_from_cstr(token), SLICE("text")));
    }
    assert_false(challenges_set(c, SLICE("more"), SLICE("text")));
    assert_true(challenges_set(c, SLICE("token7"), SLICE("again"))); // it has its place
    clock_set_fake(start_us + (CHALLENGE_LIFE_MS - 1) * 1000ULL, 1700000000);
    assert_string_equal(find(c, "token7"), "again");
    assert_false(challenges_set(c, SLICE("more"), SLICE("text")));
    clock_set_fake(start_us + CHALLENGE_LIFE_MS * 1000ULL, 1700000000);
    assert_string_equal(find(c, "token7"), "(none)");
    assert_true(challenges_set(c, SLICE("more"), SLICE("text")));
    assert_string_equal(find(c, "more"), "text");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(set_find_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_token, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_table_empties_within_an_hour, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
