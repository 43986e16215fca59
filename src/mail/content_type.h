// SPDX-License-Identifier: MIT
// The two header fields that say what a MIME part is (RFC 2045 5 and 6).
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

enum { MIME_BOUNDARY_MAX = 70 };

// type "/" subtype, borrowed from the header; both empty when the field cannot be understood.
struct content_type {
    struct slice type, subtype;
};

// Reads type and subtype; parameters are left alone. With a syntax error up to and including the first ";", both are
// empty.
struct content_type content_type_parse(struct slice value);
bool content_type_is(const struct content_type *ct, struct slice type, struct slice subtype);

// The boundary parameter of a multipart type (RFC 2046 5.1.1), unquoted. Strict: false when any parameter cannot be
// understood, and when the boundary is missing, given twice, given in pieces (RFC 2231), empty, too long or not of
// printable characters.
MUST_USE bool content_type_boundary(struct slice value, char ret[MIME_BOUNDARY_MAX + 1], size_t *ret_len);

enum transfer_encoding {
    TRANSFER_IDENTITY, // 7bit, 8bit, binary, or no field
    TRANSFER_BASE64,
    TRANSFER_QUOTED_PRINTABLE,
    TRANSFER_UNKNOWN,
};
// The value of Content-Transfer-Encoding.
enum transfer_encoding transfer_encoding_parse(struct slice value);
