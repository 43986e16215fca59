// SPDX-License-Identifier: MIT
// What a FETCH command asks for (RFC 3501 6.4.5): parsed, and which octets of a message each item means. Pure.
// Not served: BODY and BODYSTRUCTURE without a section, and sections of MIME parts. Mail here is encrypted; its
// structure is inside.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "imap/parser.h"
#include "imap/reader.h"
#include "store/message_ops.h"

enum imap_fetch_kind {
    IMAP_FETCH_FLAGS,
    IMAP_FETCH_UID,
    IMAP_FETCH_SIZE,
    IMAP_FETCH_DATE,
    IMAP_FETCH_ENVELOPE,
    IMAP_FETCH_SECTION,
};

enum imap_section {
    IMAP_SECTION_ALL,
    IMAP_SECTION_HEADER,
    IMAP_SECTION_FIELDS,
    IMAP_SECTION_FIELDS_NOT,
    IMAP_SECTION_TEXT,
};

struct imap_fetch_item {
    enum imap_fetch_kind kind;
    enum imap_section section;
    struct slice label;  // as the reply names it, "RFC822.HEADER"; empty: a BODY[...] written from what follows
    struct slice *names; // of the fields
    size_t n_names;
    bool partial; // <offset.len>
    uint32_t offset, len;
};

// Each field of a header is compared with each name: 256 names in all keep the largest header cheap.
enum { IMAP_FETCH_ITEMS_MAX = 32, IMAP_FIELD_NAMES_MAX = 256 };

struct imap_fetch {
    struct imap_fetch_item items[IMAP_FETCH_ITEMS_MAX];
    size_t n;
    size_t n_names; // of all items
    bool sets_seen; // a section without PEEK
    uint32_t want;  // of enum store_fetch_want
};

// Of the texts that a reply is made of, whatever was asked for and of which message.
enum {
    IMAP_FETCH_LABEL_MAX = 2 * IMAP_COMMAND_MAX + 1024, // what was asked for, with an escape before each octet
    IMAP_FETCH_FIELDS_MAX = STORE_HEADER_MAX + 4,       // the end of the last line, and the blank one
};

// An item, a macro, or a list of items. With `uid`, UID comes with every reply whether asked for or not.
MUST_USE bool imap_fetch_parse(struct imap_parser *p, bool uid, struct imap_fetch *ret);

// "BODY[HEADER.FIELDS (FROM TO)]<0>" and so on, into out.
MUST_USE bool imap_fetch_write_label(const struct imap_fetch_item *item, struct buf *out);

// Which octets a section item means, for a message of `size` octets of which the first ones, at least the header, are
// `data`.
struct imap_span {
    bool selected;        // header fields: `fields` has been filled with them
    uint64_t offset, len; // else a part of the message
};
MUST_USE bool imap_fetch_span(const struct imap_fetch_item *item, struct slice data, uint64_t size, struct buf *fields,
                              struct imap_span *ret);
