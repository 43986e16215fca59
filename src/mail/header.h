// SPDX-License-Identifier: MIT
// Message headers (RFC 5322 2.2) on the original octets: iterate, find, edit. Nothing is re-serialised: what is not
// removed or replaced leaves exactly as it came.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

// Where the header of a message ends: offset of the first octet of the body, after the blank line. False when the blank
// line is not in `data` (all of it is header then).
bool header_find_end(struct slice data, size_t *ret_body_offset);

struct header_field {
    struct slice raw;   // name, colon, value, with the folded lines and the final CRLF
    struct slice name;  // without trailing blanks before the colon
    struct slice value; // after the colon, folded lines still inside, without the final CRLF; not trimmed
};

// Takes the next field off the front of *rest (which starts as the header, with or without its closing blank line).
// HEADER_END at the blank line or the end, HEADER_BAD for a line that is no field (no colon, control or non-ASCII
// octets in the name): ret->raw is that line then, and *rest is behind it, so that the caller may go on.
enum header_next { HEADER_FIELD, HEADER_END, HEADER_BAD };
enum header_next header_next(struct slice *rest, struct header_field *ret);

// The value of the first field of that name (case-insensitive), trimmed, folding still inside. False when there is
// none.
bool header_find(struct slice header, struct slice name, struct slice *ret_value);
// The value unfolded (CRLF before a blank removed) and trimmed, into `out`.
MUST_USE bool header_unfold(struct slice value, struct buf *out);

enum header_edit {
    HEADER_EDIT_SUBMITTED, // drop Received, X-Originating-IP, X-Mailer, User-Agent; any Subject becomes "Subject:
                           // [...]"
    HEADER_EDIT_DELIVERED, // drop DKIM-Signature, Authentication-Results, Received
};
// Writes the edited header (with its closing blank line if it was there) to out. False when out is full.
MUST_USE bool header_rewrite(struct slice header, enum header_edit how, struct buf *out);

// IMAP BODY[HEADER.FIELDS (...)]: the raw fields whose name is in (or with `invert`, not in) `names`, and the closing
// blank line.
MUST_USE bool header_select(struct slice header, const struct slice *names, size_t n_names, bool invert,
                            struct buf *out);
