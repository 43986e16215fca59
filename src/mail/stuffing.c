// SPDX-License-Identifier: MIT
#include "mail/stuffing.h"

#include <string.h>

// Octets of `in` up to the next dot that begins a line, that dot excluded; the first octet counts in any case.
static size_t plain_run(struct slice in) {
    size_t i = 0;
    for (;;) {
        const char *lf = memchr(in.ptr + i, '\n', in.len - i);
        if (lf == NULL)
            return in.len;
        i = (size_t)(lf - in.ptr) + 1;
        if (i == in.len || in.ptr[i] == '.')
            return i;
    }
}

bool stuffing_next(struct stuffing *s, struct slice *in, struct slice *ret_out) {
    if (in->len == 0)
        return false;
    if (!s->in_line && in->ptr[0] == '.' && !s->was_given) {
        s->was_given = true;
        *ret_out = SLICE(".");
        return true;
    }
    size_t n = plain_run(*in);
    *ret_out = slice_sub(*in, 0, n);
    *in = slice_sub(*in, n, in->len);
    char before = n > 1 ? ret_out->ptr[n - 2] : s->last;
    s->last = ret_out->ptr[n - 1];
    s->in_line = s->last != '\n';
    s->is_ended = s->last == '\n' && before == '\r';
    s->was_given = false;
    return true;
}

static bool wants_line_end(const struct stuffing *s) {
    bool is_empty = s->last == '\0' && !s->in_line;
    return !s->is_ended && !is_empty;
}

struct slice stuffing_end_line(const struct stuffing *s) {
    return wants_line_end(s) ? SLICE("\r\n") : SLICE_EMPTY;
}

struct slice stuffing_end(const struct stuffing *s) {
    return wants_line_end(s) ? SLICE("\r\n.\r\n") : SLICE(".\r\n");
}
