// SPDX-License-Identifier: MIT
#include "intake/mxdeliv.h"

#include <string.h>

enum { STATE_LINE_START, STATE_TEXT, STATE_CR }; // zero first, see mxdeliv.h

// Index behind the line at `i`, or in.len.
static size_t skip_line(struct mxdeliv_reader *r, struct slice in, size_t i) {
    const char *from = in.ptr + i;
    const char *lf = memchr(from, '\n', in.len - i);
    size_t len = lf != NULL ? (size_t)(lf - from) : in.len - i;
    bool cr_before = r->state == STATE_CR;
    bool cr_last = len > 0 ? from[len - 1] == '\r' : cr_before;
    if (cr_before && (len > 0 || lf == NULL))
        r->bad = true;
    if (len > 1 && memchr(from, '\r', len - 1) != NULL)
        r->bad = true;
    if (lf == NULL) {
        r->state = cr_last ? STATE_CR : STATE_TEXT;
        return in.len;
    }
    if (!cr_last)
        r->bad = true;
    r->state = cr_last ? STATE_LINE_START : STATE_TEXT;
    return i + len + 1;
}

bool mxdeliv_next(struct mxdeliv_reader *r, struct slice *in, struct slice *ret_octets, bool *ret_is_dot) {
    if (in->len == 0)
        return false;
    *ret_is_dot = r->state == STATE_LINE_START && in->ptr[0] == '.';
    size_t i = 1;
    if (*ret_is_dot)
        r->state = STATE_TEXT;
    else
        for (i = 0; i < in->len && !(r->state == STATE_LINE_START && in->ptr[i] == '.');)
            i = skip_line(r, *in, i);
    *ret_octets = slice_sub(*in, 0, i);
    *in = slice_sub(*in, i, in->len);
    return true;
}

bool mxdeliv_is_whole(const struct mxdeliv_reader *r) {
    return !r->bad && r->state == STATE_LINE_START;
}
