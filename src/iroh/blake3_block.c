// SPDX-License-Identifier: MIT
#include "iroh/blake3_block.h"

#include <string.h>

#include "base/panic.h"

enum { ROUNDS = 7, CV_WORDS = 8, STATE_WORDS = 16, BLOCK_WORDS = 16 };

enum flag {
    CHUNK_START = 1,
    CHUNK_END = 2,
    ROOT = 8,
    DERIVE_KEY_CONTEXT = 32,
    DERIVE_KEY_MATERIAL = 64,
    ONLY_BLOCK = CHUNK_START | CHUNK_END | ROOT,
};

static const uint32_t IV[CV_WORDS] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

static uint32_t rotate_right(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

// The quarter round (specification, section 2.2).
static void mix(uint32_t s[STATE_WORDS], int a, int b, int c, int d, uint32_t x, uint32_t y) {
    s[a] += s[b] + x;
    s[d] = rotate_right(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate_right(s[b] ^ s[c], 12);
    s[a] += s[b] + y;
    s[d] = rotate_right(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate_right(s[b] ^ s[c], 7);
}

static void do_round(uint32_t s[STATE_WORDS], const uint32_t m[BLOCK_WORDS]) {
    mix(s, 0, 4, 8, 12, m[0], m[1]);
    mix(s, 1, 5, 9, 13, m[2], m[3]);
    mix(s, 2, 6, 10, 14, m[4], m[5]);
    mix(s, 3, 7, 11, 15, m[6], m[7]);
    mix(s, 0, 5, 10, 15, m[8], m[9]);
    mix(s, 1, 6, 11, 12, m[10], m[11]);
    mix(s, 2, 7, 8, 13, m[12], m[13]);
    mix(s, 3, 4, 9, 14, m[14], m[15]);
}

static void permute(uint32_t m[BLOCK_WORDS]) {
    static const uint8_t FROM[BLOCK_WORDS] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
    uint32_t old[BLOCK_WORDS];
    memcpy(old, m, sizeof(old));
    for (int i = 0; i < BLOCK_WORDS; i++)
        m[i] = old[FROM[i]];
}

// The one block of the one chunk of an input: counter 0, and the result is that of the whole.
static void compress(const uint32_t cv[CV_WORDS], struct slice input, uint32_t flags, uint32_t ret[CV_WORDS]) {
    ASSERT(input.len <= BLAKE3_BLOCK_LEN);
    uint8_t block[BLAKE3_BLOCK_LEN] = {0};
    if (input.len > 0)
        memcpy(block, input.ptr, input.len);
    uint32_t m[BLOCK_WORDS];
    for (int i = 0; i < BLOCK_WORDS; i++) {
        const uint8_t *p = block + 4 * i;
        m[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    uint32_t s[STATE_WORDS] = {[8] = IV[0], IV[1], IV[2], IV[3], 0, 0, (uint32_t)input.len, flags};
    memcpy(s, cv, CV_WORDS * sizeof(s[0]));
    for (int i = 0; i < ROUNDS; i++) {
        do_round(s, m);
        permute(m);
    }
    for (int i = 0; i < CV_WORDS; i++)
        ret[i] = s[i] ^ s[i + CV_WORDS];
}

void blake3_derive_key(struct slice context, struct slice material, uint8_t ret[static BLAKE3_KEY_LEN]) {
    uint32_t key[CV_WORDS], out[CV_WORDS];
    compress(IV, context, ONLY_BLOCK | DERIVE_KEY_CONTEXT, key);
    compress(key, material, ONLY_BLOCK | DERIVE_KEY_MATERIAL, out);
    for (int i = 0; i < BLAKE3_KEY_LEN; i++)
        ret[i] = (uint8_t)(out[i / 4] >> (8 * (i % 4)) & 0xff);
}
