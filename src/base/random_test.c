// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/panic.h"

static void octets_change(void **state) {
    unsigned char a[64] = {0}, b[64] = {0};
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(random_u64() != random_u64());
    random_bytes(NULL, 0);
}

// Chi-squared of 36,000 draws against an even spread. For 61 degrees of freedom a value above 150 has a probability of
// about 1e-9; taking octets modulo 62 (256 = 4 * 62 + 8) would give about 380.
static void strings_are_even(void **state) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    enum { DRAWS = 36000, N = sizeof(alphabet) - 1 };
    static char drawn[DRAWS + 1];
    random_string(drawn, DRAWS, alphabet);
    assert_int_equal(strlen(drawn), DRAWS);
    double counts[N] = {0}, chi = 0, want = (double)DRAWS / N;
    for (size_t i = 0; i < DRAWS; i++) {
        const char *at = strchr(alphabet, drawn[i]);
        assert_non_null(at);
        counts[at - alphabet]++;
    }
    for (size_t i = 0; i < N; i++)
        chi += (counts[i] - want) * (counts[i] - want) / want;
    assert_true(chi < 150);
}

static void lengths_and_small_alphabets(void **state) {
    char text[200];
    for (size_t len = 0; len < sizeof(text); len++) {
        memset(text, 'x', sizeof(text));
        random_string(text, len, "ab");
        assert_int_equal(strlen(text), len);
        assert_int_equal(strspn(text, "ab"), len);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_change),
        cmocka_unit_test(strings_are_even),
        cmocka_unit_test(lengths_and_small_alphabets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
