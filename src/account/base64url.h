// SPDX-License-Identifier: MIT
// Base64 for links (RFC 4648 section 5), without padding; strict as base/base64.h is: each octet string has one text.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

// Characters for `len` octets, without the NUL.
#define BASE64URL_LEN(len) (((len)*4 + 2) / 3)

enum { BASE64URL_OCTETS_MAX = 64 };

// At most BASE64URL_OCTETS_MAX octets. Writes BASE64URL_LEN(len) + 1 octets, NUL-terminated.
void base64url_encode(const void *data, size_t len, char *ret);
// True when `text` stands for exactly `len` octets (at most BASE64URL_OCTETS_MAX); *ret stays untouched otherwise.
MUST_USE bool base64url_decode(struct slice text, void *ret, size_t len);
