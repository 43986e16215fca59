// SPDX-License-Identifier: MIT
// Base64 (RFC 4648 section 4), strict: no blanks, canonical padding.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

// Octets that encoding `len` octets gives, without the NUL.
#define BASE64_ENCODED_LEN(len) (((len) + 2) / 3 * 4)

// Writes BASE64_ENCODED_LEN(len) + 1 octets, NUL-terminated.
void base64_encode(const void *data, size_t len, char *ret);

// Decodes s into ret (room for s.len / 4 * 3 octets). False on any character outside the alphabet, wrong padding or
// length; the content of ret is undefined then.
bool base64_decode(struct slice s, void *ret, size_t *ret_len);

// The value 0..63 of one character of the alphabet, or -1.
int base64_value(char c);
