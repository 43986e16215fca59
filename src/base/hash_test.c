// SPDX-License-Identifier: MIT
// SipHash-2-4 with 128 bits against the reference vectors: key 00 01 .. 0f, message 00 01 .. (n-1).
#include "base/hash.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/panic.h"

static void reference_vectors(void **state) {
    static const struct {
        size_t len;
        const char *want;
    } cases[] = {
        {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
        {2, "8177228da4a45dc7fca38bdef60affe4"},  {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},
        {8, "3b62a9ba6258f5610f83e264f31497b4"},  {9, "264499060ad9baabc47f8b02bb6d71ed"},
        {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {16, "6ee2a4ca67b054bbfd3315bf85230577"},
        {17, "473d06e8738db89854c066c47ae47740"}, {31, "2939b0183223fafc1723de4f52c43d35"},
        {63, "5150d1772f50834a503e069a973fbd7c"},
    };
    uint8_t key[16], message[64];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    memcpy(key, message, sizeof(key));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hash128 h = hash_siphash128(key, message, cases[i].len);
        uint64_t octets[2] = {htole64(h.lo), htole64(h.hi)};
        char got[33];
        hex_encode(octets, sizeof(octets), got);
        assert_string_equal(got, cases[i].want);
    }
}

static void the_process_key_is_one_and_random(void **state) {
    struct hash128 a = hash_keyed("abc", 3), b = hash_keyed("abc", 3), c = hash_keyed("abd", 3);
    assert_true(a.lo == b.lo && a.hi == b.hi);
    assert_true(a.lo != c.lo && a.hi != c.hi);
    static const uint8_t zeros[16];
    struct hash128 z = hash_siphash128(zeros, "abc", 3);
    assert_true(a.lo != z.lo);
}

static void unaligned_input(void **state) {
    static const uint8_t key[16] = {7};
    char text[40] = "0123456789012345678901234567890123456";
    struct hash128 want = hash_siphash128(key, text, 30);
    for (size_t shift = 1; shift < 8; shift++) {
        char moved[48];
        memcpy(moved + shift, text, 30);
        struct hash128 got = hash_siphash128(key, moved + shift, 30);
        assert_true(got.lo == want.lo && got.hi == want.hi);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(the_process_key_is_one_and_random),
        cmocka_unit_test(unaligned_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
