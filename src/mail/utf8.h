// SPDX-License-Identifier: MIT
// UTF-8 (RFC 3629), as much of it as mail needs.
#pragma once

#include <stddef.h>

#include "base/slice.h"

// Length of the well-formed sequence at the front of s: 1 for ASCII, 2 to 4 otherwise. 0 when s is empty or the front
// is malformed (overlong, surrogate, above U+10FFFF, truncated).
size_t utf8_sequence_len(struct slice s);
