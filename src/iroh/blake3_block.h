// SPDX-License-Identifier: MIT
// BLAKE3 in its key derivation mode (https://github.com/BLAKE3-team/BLAKE3-specs), for contexts and material that fit
// one block: two calls of the compression function. All that the handshake of dialect B wants of it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { BLAKE3_BLOCK_LEN = 64, BLAKE3_KEY_LEN = 32 };

// `context` and `material` have at most BLAKE3_BLOCK_LEN octets each.
void blake3_derive_key(struct slice context, struct slice material, uint8_t ret[static BLAKE3_KEY_LEN]);
