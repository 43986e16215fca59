// SPDX-License-Identifier: MIT
// Undoes Content-Transfer-Encoding (RFC 2045 6) on a stream. Strict: what the encoding does not allow is an error,
// never skipped, so that no two readers can see different content.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "mail/content_type.h"

enum {
    TRANSFER_OUT_MIN = 256,  // room that one call needs
    TRANSFER_BLANKS_MAX = 76 // RFC 2045 6.7 (5): no quoted-printable line is longer
};

struct transfer_decoder {
    enum transfer_encoding encoding;
    int state;
    uint32_t bits; // base64: the sextets held; quoted-printable: the first hex digit
    unsigned held;
    unsigned n_blanks; // quoted-printable: blanks that may turn out to be the end of a line
    char blanks[TRANSFER_BLANKS_MAX];
};

void transfer_init(struct transfer_decoder *d, enum transfer_encoding encoding);
// Decodes from the front of *in into out (size >= TRANSFER_OUT_MIN) until one of them is used up; *ret_len octets were
// written. False when the data is not well-formed, and for TRANSFER_UNKNOWN. TRANSFER_IDENTITY is copied: callers do
// better without.
bool transfer_decode(struct transfer_decoder *d, struct slice *in, char *out, size_t size, size_t *ret_len);
// After the last octet: false when the data ended within a unit. Nothing more comes out.
bool transfer_finish(const struct transfer_decoder *d);
