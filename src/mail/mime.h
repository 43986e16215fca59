// SPDX-License-Identifier: MIT
// A walk over the MIME structure of a message (RFC 2045, RFC 2046 5.1) while it streams in: pieces of any size go in,
// parts and the octets of their bodies come out. Memory is bounded: one header, the open boundaries and one line that
// may be a delimiter.
//
// Strict where readers could disagree on the structure: two Content-Type fields, a boundary given twice, bare LF, a
// field without a colon end the walk with MIME_BAD. A message/rfc822 part is a leaf; the walk does not go into it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "mail/content_type.h"

enum {
    MIME_HEADER_MAX = 256 * 1024,     // of the message
    MIME_PART_HEADER_MAX = 64 * 1024, // of a part
    MIME_HEADER_LINE_MAX = 64 * 1024,
    MIME_DEPTH_MAX = 8, // multiparts within each other
};

struct mime_walk;

enum mime_event {
    MIME_MORE,  // all of the input is used up
    MIME_PART,  // a header is complete: the part begins
    MIME_BODY,  // octets of the body of the leaf part that began last, still transfer-encoded
    MIME_STRAY, // octets of a preamble or an epilogue
    MIME_END,   // of a part (leaf or multipart)
    MIME_DONE,  // the message has ended
    MIME_BAD,   // not parsable; mime_walk_reason() says why. Nothing but this follows
};

// Valid until the next call.
struct mime_item {
    unsigned depth;           // of the part: 0 is the message itself, 1 a part of it
    bool is_multipart;        // PART, END
    bool closed;              // END of a multipart: its closing delimiter was there
    struct slice header;      // PART: with its blank line, if there was one
    struct content_type type; // PART: text/plain when there is no Content-Type; both empty when it makes no sense
    enum transfer_encoding encoding; // PART
    struct slice octets;             // BODY, STRAY
};

struct mime_walk *mime_walk_new(void);
void mime_walk_free(struct mime_walk *w);
// Takes octets off the front of *in and returns the next event. With `last`, *in is the end of the message; call with
// it (and an empty slice) until MIME_DONE or MIME_BAD.
enum mime_event mime_walk_next(struct mime_walk *w, struct slice *in, bool last, struct mime_item *ret);
// Static text, after MIME_BAD.
const char *mime_walk_reason(const struct mime_walk *w);
// A line began with an open boundary but was no delimiter: other readers may see another structure.
bool mime_walk_is_ambiguous(const struct mime_walk *w);
