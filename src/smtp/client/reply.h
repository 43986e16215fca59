// SPDX-License-Identifier: MIT
// Replies as a client reads them (RFC 5321 4.2, RFC 2034), gathered line by line while they arrive. Pure.
//
// Servers are read with patience: LF alone ends a line, text may be missing, long or in any charset. What cannot be
// understood otherwise than by guessing is refused: no code, a code that changes within a reply (4.2.1), no end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "queue/transport.h"

enum {
    SMTP_REPLY_LINE_MAX = 4096,      // octets without line end; 4.5.3.1.5 promises 512 with it
    SMTP_REPLY_LINES_MAX = 256,      // of one reply
    SMTP_REPLY_TEXT_MAX = 16 * 1024, // kept of one reply; what comes after is dropped
};

struct smtp_reply {
    uint16_t code;   // 200..599; 0 before the first line
    size_t n_lines;  // so far
    bool is_whole;   // the last line was taken
    struct buf text; // the lines without their codes, LF between them
};
void smtp_reply_init(struct smtp_reply *r);
// Frees the text. A zeroed reply is accepted.
void smtp_reply_done(struct smtp_reply *r);

enum smtp_reply_progress {
    SMTP_REPLY_WHOLE, // all lines are there; the next octets begin another reply
    SMTP_REPLY_MORE,  // show what was not consumed again, with more behind it
    SMTP_REPLY_BAD,   // this is no SMTP reply
};
// Takes lines off the front of `in`, up to the end of one reply. After a whole reply begins the next one.
enum smtp_reply_progress smtp_reply_take(struct smtp_reply *r, struct slice in, size_t *ret_used);

// As one line of printable ASCII: "550 5.1.1 no such user". The enhanced code that servers repeat in each line stands
// once.
void smtp_reply_write(const struct smtp_reply *r, struct transport_reply *ret);

// What an EHLO reply offers (4.1.1.1). Keywords that do not concern us are passed over.
struct smtp_offers {
    bool starttls, pipelining, chunking, eightbitmime, smtputf8, size;
    uint64_t size_max; // with `size`; 0: no limit is told (RFC 1870 section 3)
};
struct smtp_offers smtp_offers_read(const struct smtp_reply *r);
