// SPDX-License-Identifier: MIT
// The published vectors of BLAKE3 (test_vectors.json: octets 0, 1, 2, ... under one context) that fit a block, and what
// the handshake of dialect B derives.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/panic.h"
#include "iroh/blake3_block.h"

static void test_vectors(void **state) {
    static const struct {
        struct slice context;
        size_t len;
        const char *want;
    } cases[] = {
        {SLICE("BLAKE3 2019-12-27 16:29:52 test vectors context"), 0,
         "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"},
        {SLICE("BLAKE3 2019-12-27 16:29:52 test vectors context"), 1,
         "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"},
        {SLICE("iroh-relay handshake v1 challenge signature"), 16,
         "b7b16e505d2cb5dbaf494800092c3b05a6c45d8d3fd4f1b888c6a77240b876c0"},
    };
    char material[BLAKE3_BLOCK_LEN];
    for (size_t i = 0; i < sizeof(material); i++)
        material[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t key[BLAKE3_KEY_LEN];
        char got[2 * BLAKE3_KEY_LEN + 1];
        blake3_derive_key(cases[i].context, slice_make(material, cases[i].len), key);
        hex_encode(key, sizeof(key), got);
        assert_string_equal(got, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
