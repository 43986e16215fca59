// SPDX-License-Identifier: MIT
// Undoes the dot-stuffing of SMTP DATA (RFC 5321 4.5.2). Only CRLF "." CRLF ends the stream; RFC 5321 2.3.8 forbids
// bare CR and LF. The decoder owns nothing: what comes out borrows from the input.
#include "mail/dot.h"

#include <string.h>

enum dot_state {
    STATE_LINE_START, // zero, see dot.h
    STATE_TEXT,
    STATE_CR,     // after CR in a line; the CR has come out
    STATE_DOT,    // after a dot at the start of a line, held back
    STATE_DOT_CR, // after that dot and CR, both held back
};

// Index behind the line at `i`, or in.len. Runs are found by memchr: this is where a large message spends its time.
static size_t skip_text(struct dot_decoder *d, struct slice in, size_t i) {
    const char *from = in.ptr + i;
    const char *lf = memchr(from, '\n', in.len - i);
    size_t len = lf != NULL ? (size_t)(lf - from) : in.len - i;
    bool cr_last = len > 0 && from[len - 1] == '\r';
    size_t inner = cr_last ? len - 1 : len;
    if (inner > 0 && memchr(from, '\r', inner) != NULL)
        d->bad = true;
    if (lf == NULL) {
        d->state = cr_last ? STATE_CR : STATE_TEXT;
        return in.len;
    }
    if (!cr_last)
        d->bad = true;
    d->state = cr_last ? STATE_LINE_START : STATE_TEXT;
    return i + len + 1;
}

enum dot_result dot_decode(struct dot_decoder *d, struct slice in, struct slice *ret_out, size_t *ret_consumed) {
    size_t start = 0, i = 0; // in[start..i) comes out
    *ret_out = SLICE_EMPTY;
    while (i < in.len) {
        char c = in.ptr[i];
        switch ((enum dot_state)d->state) {
        case STATE_LINE_START:
            if (c != '.') {
                i = skip_text(d, in, i);
                break;
            }
            d->state = STATE_DOT;
            if (i > start) {
                *ret_out = slice_sub(in, start, i);
                *ret_consumed = i + 1;
                return DOT_DATA;
            }
            start = ++i;
            break;
        case STATE_TEXT:
            i = skip_text(d, in, i);
            break;
        case STATE_CR:
            if (c == '\n') {
                d->state = STATE_LINE_START;
                i++;
            } else {
                d->bad = true;
                i = skip_text(d, in, i);
            }
            break;
        case STATE_DOT:
            if (c == '\r') {
                d->state = STATE_DOT_CR;
                start = ++i;
            } else {
                if (c != '.')
                    d->bad = true;
                i = skip_text(d, in, i);
            }
            break;
        case STATE_DOT_CR:
            if (c == '\n') {
                d->state = STATE_LINE_START;
                *ret_consumed = i + 1;
                return DOT_END;
            }
            d->bad = true;
            i = skip_text(d, in, i);
            break;
        }
    }
    *ret_out = slice_sub(in, start, i);
    *ret_consumed = i;
    return DOT_DATA;
}
