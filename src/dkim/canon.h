// SPDX-License-Identifier: MIT
// Canonicalisation (RFC 6376 3.4): what is hashed instead of the octets on the wire. Streaming, in constant memory.
// Only CRLF ends a line; a lone CR or LF is an octet like any other.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dkim/signature.h"
#include "mail/header.h"

// Where the canonical octets go.
struct dkim_sink {
    void (*write)(void *arg, const char *ptr, size_t len);
    void *arg;
};

// Writes one header field. A signature's own field is hashed with the octets `without` (a slice into field->value, its
// b=) left out and without the final CRLF: `is_own`. Otherwise `without` is ignored and a CRLF ends the field.
void dkim_canon_field(enum dkim_canon how, const struct header_field *field, bool is_own, struct slice without,
                      struct dkim_sink sink);

enum { DKIM_CANON_CHUNK = 512 };

// The body, in pieces cut anywhere. A plain struct: a copy of it goes on by itself from where it was copied.
struct dkim_canon_body {
    enum dkim_canon how;
    bool cr;         // a CR was last and is not yet written
    bool blank;      // relaxed: white space was last and is not yet written
    bool any;        // octets other than line ends (relaxed: and blanks) have come
    uint64_t breaks; // line ends not yet written: they may turn out to be the empty lines at the end
    size_t n_out;
    char out[DKIM_CANON_CHUNK];
};

void dkim_canon_body_init(struct dkim_canon_body *c, enum dkim_canon how);
void dkim_canon_body_update(struct dkim_canon_body *c, struct slice octets, struct dkim_sink sink);
// The end of the body: a line not ended is ended, empty lines at the end are one line end (simple) or none (relaxed).
void dkim_canon_body_finish(struct dkim_canon_body *c, struct dkim_sink sink);
