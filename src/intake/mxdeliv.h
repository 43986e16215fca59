// SPDX-License-Identifier: MIT
// The body of POST /mxdeliv as it arrives: a message in the form of SMTP DATA (RFC 5321 4.5.2) without the final dot.
// Some peers double the dot at the start of a line and some do not, so there are two readings of it: with the first dot
// of such a line taken away, and as it came. Pure; octets borrow from the input.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

// Zero is the start of a message.
struct mxdeliv_reader {
    int state;
    bool bad; // a bare CR or LF has been seen
};

// Takes the next piece off the front of *in, as long as it can be. `ret_is_dot`: the one dot that only the reading "as
// it came" has. False when *in is empty.
MUST_USE bool mxdeliv_next(struct mxdeliv_reader *r, struct slice *in, struct slice *ret_octets, bool *ret_is_dot);
// After the last octet: nothing bad was seen, and the last line has its end.
MUST_USE bool mxdeliv_is_whole(const struct mxdeliv_reader *r);
