// SPDX-License-Identifier: MIT
// Gathers one complete command out of the octets that arrive: its lines and the literals between them (RFC 3501 4.3,
// RFC 7888), in one bounded buffer that is empty (and owns no memory) between commands. Pure: what to answer is the
// session's. Line ends are CRLF or a bare LF.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "imap/parser.h"

enum {
    IMAP_LINE_MAX = 64 * 1024,     // one line, without literals
    IMAP_COMMAND_MAX = 120 * 1024, // everything; below CONN_INPUT_MAX
    // Before login nobody needs more, and a stranger's connection stays cheap.
    IMAP_COMMAND_MAX_STRANGER = 16 * 1024,
    // A literal that is refused but comes anyway (LITERAL+) is swallowed up to this size; beyond it the connection
    // ends.
    IMAP_SWALLOW_MAX = 64 * 1024 * 1024,
};

enum imap_read {
    IMAP_READ_MORE,    // all was consumed, nothing is complete
    IMAP_READ_LINE,    // the text is complete (imap_reader_text(), without the line end)
    IMAP_READ_LITERAL, // the line ends in a literal's announcement: call imap_reader_accept() or _refuse()
    IMAP_READ_TOOLONG, // an overlong line has come to its end; the text is its beginning
};

struct imap_reader {
    struct buf text;
    size_t line_start;           // offset in text of the line being read
    uint64_t literal_left;       // octets of the accepted literal still to come
    uint64_t swallow;            // octets of a refused literal still to come
    struct imap_literal literal; // valid at IMAP_READ_LITERAL
    bool overlong;               // the rest of this line is dropped
    bool refused;                // the command was answered already; its rest is dropped
    bool raw;                    // lines only: "{n}" at the end means nothing (answers to a continuation)
};

void imap_reader_init(struct imap_reader *r);
void imap_reader_done(struct imap_reader *r);
// The largest command from now on; at most IMAP_COMMAND_MAX.
void imap_reader_set_max(struct imap_reader *r, size_t max);
// Ready for the next command: forgets the text. What must still be swallowed stays.
void imap_reader_reset(struct imap_reader *r);

// Takes octets; *ret_consumed of them. Stops at each event.
enum imap_read imap_reader_feed(struct imap_reader *r, struct slice octets, size_t *ret_consumed);
struct slice imap_reader_text(const struct imap_reader *r);

// Whether the announced literal fits; if so its octets will be gathered.
bool imap_reader_accept(struct imap_reader *r);
// The announced literal is not wanted: the octets of a non-synchronising one will be swallowed with the command's rest.
// False when there are too many: the connection must end.
bool imap_reader_refuse(struct imap_reader *r);
