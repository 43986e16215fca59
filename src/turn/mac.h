// SPDX-License-Identifier: MIT
// HMAC-SHA1 and MD5 as TURN wants them, with contexts that each thread keeps: setting one up costs more than the
// digest of a packet. Private to this room.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { TURN_SHA1_LEN = 20, TURN_MD5_LEN = 16 };

// Over the parts one after the other. The key is not empty.
void turn_hmac_sha1(struct slice key, const struct slice *parts, size_t count, uint8_t ret[TURN_SHA1_LEN]);
void turn_md5(const struct slice *parts, size_t count, uint8_t ret[TURN_MD5_LEN]);
