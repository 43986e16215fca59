// SPDX-License-Identifier: MIT
// Message flags and keywords (RFC 3501 2.3.2): parsing flag lists, writing them.
#pragma once

#include <stdint.h>

#include "imap/parser.h"
#include "store/message_ops.h"

struct imap_flags {
    uint32_t system;                       // STORE_FLAG_*
    char keywords[STORE_KEYWORDS_MAX + 1]; // sorted, unique, separated by a blank, NUL-terminated
};

// "(\Seen $Forwarded)", or with `bare_allowed` the same without parentheses (STORE). \Recent is refused: nobody can set
// it.
MUST_USE bool imap_flags_parse(struct imap_parser *p, bool bare_allowed, struct imap_flags *ret);

enum { IMAP_FLAGS_TEXT_MAX = 64 + STORE_KEYWORDS_MAX };
// "(\Seen \Deleted $Forwarded)" into ret, NUL-terminated; returns its length.
size_t imap_flags_write(uint32_t system, const char *keywords, char ret[IMAP_FLAGS_TEXT_MAX]);
// Whether one keyword stands in the list; case-insensitive.
bool imap_keywords_have(const char *keywords, struct slice keyword);
