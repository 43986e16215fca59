// SPDX-License-Identifier: MIT
// SipHash-2-4 with 128 bits of result (Aumasson, Bernstein 2012): the keyed hash of in-memory tables, so that nobody
// outside can aim at one bucket, and no key of a table shows what was hashed.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo, hi;
};

struct hash128 hash_siphash128(const uint8_t key[16], const void *data, size_t len);
// The same under a random key of this process.
struct hash128 hash_keyed(const void *data, size_t len);
