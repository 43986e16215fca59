// SPDX-License-Identifier: MIT
// How a body is stored, format 1: the plaintext in chunks of 64 KiB, each sealed with AES-256-GCM under the body's own
// random key and followed by its tag. The nonce is the chunk's number and a mark on the last chunk (the STREAM
// construction of Hoang, Reyhanitabar, Rogaway, Vizar 2015): chunks cannot be reordered, and a body that was cut short
// does not open. An empty body is one empty chunk. Pure code; the format octet stands beside the body, in its row.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum {
    BODY_FORMAT = 1,
    BODY_KEY_LEN = 32,
    BODY_TAG_LEN = 16,
    BODY_CHUNK = 64 * 1024,
    BODY_SEALED_CHUNK = BODY_CHUNK + BODY_TAG_LEN,
};
// A chunk number is 32 bits.
#define BODY_SIZE_MAX ((uint64_t)UINT32_MAX * BODY_CHUNK)

// Chunks of a body of `size` octets, its stored octets, and the plaintext octets of one of its chunks.
uint64_t body_chunks(uint64_t size);
uint64_t body_sealed_size(uint64_t size);
size_t body_chunk_len(uint64_t size, uint64_t index);

// Writes len + BODY_TAG_LEN octets. len is BODY_CHUNK in all chunks but the last.
void body_chunk_seal(const uint8_t key[BODY_KEY_LEN], uint64_t index, bool last, const void *plain, size_t len,
                     void *ret);
// Opens len + BODY_TAG_LEN octets at `sealed`. False, and nothing usable in ret, when they are not what was sealed.
MUST_USE bool body_chunk_open(const uint8_t key[BODY_KEY_LEN], uint64_t index, bool last, const void *sealed,
                              size_t len, void *ret);

// Where the sealed octets of a body are: in memory, or in an open file when data is NULL.
struct body_source {
    const void *data;
    size_t data_len;
    int fd;
    uint64_t size; // plaintext octets
    const uint8_t *key;
};
// Reads up to `len` octets from `offset`; ret_len is less only at the end of the body. False when the body is damaged.
MUST_USE bool body_source_read(const struct body_source *s, uint64_t offset, size_t len, void *ret, size_t *ret_len);
