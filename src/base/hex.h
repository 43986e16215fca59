// SPDX-License-Identifier: MIT
// Hexadecimal, lower case.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

// Writes 2 * len + 1 octets, NUL-terminated.
void hex_encode(const void *data, size_t len, char *ret);
// Decodes exactly `len` octets; false when s is not 2 * len hexadecimal digits.
bool hex_decode(struct slice s, void *ret, size_t len);
