// SPDX-License-Identifier: MIT
// Pieces of responses (RFC 3501 section 9).
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "store/message_ops.h"

struct conn;

void imap_write_number(struct conn *c, uint64_t n);
// Quoted when it can be, else a literal. For nstring write "NIL" instead where there is nothing.
void imap_write_string(struct conn *c, struct slice s);
// As it is when it can be an atom, else a string.
void imap_write_astring(struct conn *c, struct slice s);
// Always a literal, with its exact length.
void imap_write_literal(struct conn *c, struct slice s);
// Only the announcement, "{n}" CRLF.
void imap_write_literal_start(struct conn *c, uint64_t len);
// "FLAGS (\Seen ...)".
void imap_write_flags(struct conn *c, uint32_t system, const char *keywords);
// "1:3,5", of ascending UIDs, into memory from mem_alloc(), NUL-terminated.
char *imap_format_uid_set(const uint32_t *uids, size_t n);
