// SPDX-License-Identifier: MIT
// Dot-stuffing of a message for DATA, or for the body of /mxdeliv (RFC 5321 4.5.2): the inverse of mail/dot.h. Pure.
#pragma once

#include <stdbool.h>

#include "base/slice.h"

// Zero is the start of a message.
struct stuffing {
    bool in_line;   // the next octet is not the first of a line
    char last;      // octet of the message
    bool is_ended;  // by CRLF, so far
    bool was_given; // the doubled dot has gone out, the one that it doubles has not
};

// Takes octets off the front of *in; *ret_out is to be sent for them, borrowed from `in` or static. False: `in` is
// empty.
bool stuffing_next(struct stuffing *s, struct slice *in, struct slice *ret_out);
// The CRLF that the last line still wants; empty when it has it, or there is no line.
struct slice stuffing_end_line(const struct stuffing *s);
// What ends the message in DATA: that, and the final dot.
struct slice stuffing_end(const struct stuffing *s);
