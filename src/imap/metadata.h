// SPDX-License-Identifier: MIT
// The entries of METADATA (RFC 5464) that a chatmail relay knows, and the parsing of its commands. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "imap/parser.h"

enum imap_metadata_entry {
    IMAP_METADATA_UNKNOWN, // always NIL
    IMAP_METADATA_DEVICETOKEN,
    IMAP_METADATA_IROHRELAY,
    IMAP_METADATA_TURN,
    IMAP_METADATA_APPVERSIONS,
    IMAP_METADATA_MAXSMTPRECIPIENTS,
    IMAP_METADATA_ADMIN,
};

struct imap_metadata_item {
    struct slice name; // as the client wrote it
    enum imap_metadata_entry entry;
    struct slice value; // SETMETADATA
    bool nil;
};

enum { IMAP_METADATA_ITEMS_MAX = 100 };

struct imap_metadata {
    struct slice mailbox; // as the client wrote it
    struct imap_metadata_item items[IMAP_METADATA_ITEMS_MAX];
    size_t n;
};

// The arguments of GETMETADATA, without entries that stand there twice, options (DEPTH, MAXSIZE) tolerated in both
// places where they are seen, and of SETMETADATA.
MUST_USE bool imap_metadata_parse_get(struct imap_parser *p, struct imap_metadata *ret);
MUST_USE bool imap_metadata_parse_set(struct imap_parser *p, struct imap_metadata *ret);
