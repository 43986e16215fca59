// SPDX-License-Identifier: MIT
// The SMTP DATA stream (RFC 5321 4.5.2): undoes dot-stuffing, finds the end, and refuses every bare CR or LF, so that
// no two readers can disagree on where a message ends (SMTP smuggling).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

// Zero is the start of a message.
struct dot_decoder {
    int state;
    bool bad; // a bare CR, bare LF or lone unescaped dot has been seen; octets are still consumed to find the end
};

// Consumes octets of `in`; the decoded ones come out as slices borrowed from `in` (or static), one call at a time,
// perhaps empty. DOT_DATA: call again with the rest when *ret_consumed < in.len. DOT_END: the terminator was consumed;
// what follows is the next command.
enum dot_result { DOT_DATA, DOT_END };
enum dot_result dot_decode(struct dot_decoder *d, struct slice in, struct slice *ret_out, size_t *ret_consumed);
