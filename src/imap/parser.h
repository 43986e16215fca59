// SPDX-License-Identifier: MIT
// The lexical elements of IMAP commands (RFC 3501 section 9): a cursor over one complete command, its literals included
// as they came over the wire. Pure: no I/O, no clock. What it returns borrows from the command's text or, where escapes
// had to be undone, from the arena.
//
// Every function returns false and sets `error` when the element is not there. The position is undefined then: the
// command is answered with BAD.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/panic.h"
#include "base/slice.h"

struct imap_parser {
    struct slice text; // without the final line end
    size_t pos;
    struct arena *arena;
    const char *error; // static sentence
};

void imap_parser_init(struct imap_parser *p, struct slice text, struct arena *arena);
// Remembers why and returns false, for parsers built on this one.
bool imap_parse_fail(struct imap_parser *p, const char *error);

// The next octet, or -1 at the end.
int imap_parse_peek(const struct imap_parser *p);
// Takes `c` if it is next. No error otherwise.
bool imap_parse_skip(struct imap_parser *p, char c);
// Takes `word` (case-insensitive) if it is next and ends there: followed by the end, a blank or one of "()[].<". No
// error otherwise.
bool imap_parse_skip_word(struct imap_parser *p, struct slice word);

MUST_USE bool imap_parse_sp(struct imap_parser *p);
MUST_USE bool imap_parse_char(struct imap_parser *p, char c);
// The end of the command; blanks before it are forgiven.
MUST_USE bool imap_parse_end(struct imap_parser *p);

MUST_USE bool imap_parse_tag(struct imap_parser *p, struct slice *ret);
MUST_USE bool imap_parse_atom(struct imap_parser *p, struct slice *ret);
MUST_USE bool imap_parse_string(struct imap_parser *p, struct slice *ret);  // quoted or literal
MUST_USE bool imap_parse_astring(struct imap_parser *p, struct slice *ret); // string, or an atom that may hold "]"
// string or NIL; ret_nil tells which, *ret is empty for NIL.
MUST_USE bool imap_parse_nstring(struct imap_parser *p, struct slice *ret, bool *ret_nil);
// list-mailbox: an astring that may hold the wildcards "%" and "*".
MUST_USE bool imap_parse_list_mailbox(struct imap_parser *p, struct slice *ret);
MUST_USE bool imap_parse_number(struct imap_parser *p, uint32_t *ret);

// Whether the next element of a parenthesised list follows: takes blanks, and the ")" that ends the list. After an
// element there must be a blank or the end. `first` is true before the first element and is set false. Usage:
//   if (!imap_parse_char(p, '(')) ...; bool first = true;
//   while (imap_parse_list_more(p, &first)) { element }
//   if (p->error != NULL) ...
bool imap_parse_list_more(struct imap_parser *p, bool *first);

// A literal's announcement: "{n}" or "{n+}" (RFC 7888) that ends `line` (without its line end).
struct imap_literal {
    uint64_t len;
    bool sync;     // the client waits for a continuation
    size_t offset; // of the "{"
};
// False when `line` does not end in one. A number too large for 64 bits counts as UINT64_MAX.
bool imap_literal_at_end(struct slice line, struct imap_literal *ret);

// Octets allowed in atoms (ATOM-CHAR).
bool imap_is_atom_char(char c);
