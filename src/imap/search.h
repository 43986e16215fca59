// SPDX-License-Identifier: MIT
// SEARCH (RFC 3501 6.4.4): the keys as a tree, and whether a message matches it. Pure. Texts are compared as stored
// octets, ASCII letters in any case; header values are unfolded first.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imap/parser.h"
#include "imap/set.h"

enum imap_search_kind {
    IMAP_SEARCH_ALL,
    IMAP_SEARCH_NONE, // NEW, RECENT: no message is ever \Recent here
    IMAP_SEARCH_AND,  // all of `child` and its siblings
    IMAP_SEARCH_OR,   // any of them
    IMAP_SEARCH_NOT,
    IMAP_SEARCH_SEQ,
    IMAP_SEARCH_UID,
    IMAP_SEARCH_FLAG,
    IMAP_SEARCH_KEYWORD,
    IMAP_SEARCH_LARGER,
    IMAP_SEARCH_SMALLER,
    IMAP_SEARCH_BEFORE,
    IMAP_SEARCH_ON,
    IMAP_SEARCH_SINCE,
    IMAP_SEARCH_SENTBEFORE,
    IMAP_SEARCH_SENTON,
    IMAP_SEARCH_SENTSINCE,
    IMAP_SEARCH_HEADER,
    IMAP_SEARCH_BODY,
    IMAP_SEARCH_TEXT,
};

struct imap_search_key {
    enum imap_search_kind kind;
    struct imap_search_key *child, *next;
    struct imap_set set;
    struct slice name; // HEADER
    struct slice text; // in lower case
    uint32_t number;   // flag, or size
    int64_t day;       // days since 1970
    bool found;        // BODY, TEXT: in the message that is being fed
};

enum {
    IMAP_SEARCH_KEYS_MAX = 500,
    IMAP_SEARCH_DEPTH_MAX = 32,
    IMAP_SEARCH_TEXTS_MAX = 16,
    // Keys that read a whole header or all keywords for each message: what one message costs must stay far below what
    // other connections of the loop would notice.
    IMAP_SEARCH_COSTLY_MAX = 32,
    IMAP_SEARCH_TEXT_MAX = 1024
};

struct imap_search {
    struct imap_search_key *root;
    struct imap_search_key *texts[IMAP_SEARCH_TEXTS_MAX]; // the BODY and TEXT keys
    size_t n_texts, n_keys, n_costly;
    size_t longest_text;
    uint32_t want;    // of enum store_fetch_want
    bool needs_store; // more than numbers
    bool bad_charset;
};

// ["CHARSET" SP astring SP] search-key *(SP search-key). `bad_charset` is set when only that is wrong.
MUST_USE bool imap_search_parse(struct imap_parser *p, struct imap_search *ret);
// Puts numbers for "*" in all sets.
void imap_search_resolve(struct imap_search *s, uint32_t last_seq, uint32_t last_uid);

// For BODY and TEXT a message is fed before it is matched: the octets in order, each piece beginning with the last
// longest_text - 1 octets of the one before. `offset` is where the piece begins, header_len where the body begins.
void imap_search_begin_message(struct imap_search *s);
void imap_search_feed(struct imap_search *s, struct slice octets, uint64_t offset, uint64_t header_len);

struct imap_search_subject {
    uint32_t seq, uid;
    uint32_t flags;
    const char *keywords;
    uint64_t size;
    int64_t internal_date;
    struct slice header;
};
bool imap_search_matches(const struct imap_search *s, const struct imap_search_subject *m);
