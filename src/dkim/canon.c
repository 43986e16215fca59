// SPDX-License-Identifier: MIT
// Canonicalisation of the body (RFC 6376 3.4.3, 3.4.4). What may turn out to be dropped is remembered, not kept: a CR,
// a blank, a number of line ends.
#include "dkim/canon.h"

#include <string.h>

static void flush(struct dkim_canon_body *c, struct dkim_sink sink) {
    if (c->n_out > 0)
        sink.write(sink.arg, c->out, c->n_out);
    c->n_out = 0;
}

static void put(struct dkim_canon_body *c, const char *ptr, size_t len, struct dkim_sink sink) {
    if (len > sizeof(c->out) - c->n_out)
        flush(c, sink);
    if (len > sizeof(c->out)) {
        sink.write(sink.arg, ptr, len);
        return;
    }
    memcpy(c->out + c->n_out, ptr, len);
    c->n_out += len;
}

// Octets that count, and with them all that was held back before them.
static void put_text(struct dkim_canon_body *c, const char *ptr, size_t len, struct dkim_sink sink) {
    for (; c->breaks > 0; c->breaks--)
        put(c, "\r\n", 2, sink);
    if (c->blank)
        put(c, " ", 1, sink);
    c->blank = false;
    c->any = true;
    put(c, ptr, len, sink);
}

// Octets up to the next one that means something.
static size_t text_len(enum dkim_canon how, const char *ptr, size_t len) {
    if (how == DKIM_SIMPLE) {
        const char *cr = memchr(ptr, '\r', len);
        return cr != NULL ? (size_t)(cr - ptr) : len;
    }
    size_t n = 0;
    while (n < len && ptr[n] != '\r' && ptr[n] != ' ' && ptr[n] != '\t')
        n++;
    return n;
}

void dkim_canon_body_init(struct dkim_canon_body *c, enum dkim_canon how) {
    *c = (struct dkim_canon_body){.how = how};
}

void dkim_canon_body_update(struct dkim_canon_body *c, struct slice octets, struct dkim_sink sink) {
    const char *at = octets.ptr, *end = octets.ptr + octets.len;
    while (at < end) {
        if (c->cr) {
            c->cr = false;
            if (*at == '\n') {
                c->blank = false;
                c->breaks++;
                at++;
            } else {
                put_text(c, "\r", 1, sink);
            }
            continue;
        }
        size_t n = text_len(c->how, at, (size_t)(end - at));
        if (n > 0)
            put_text(c, at, n, sink);
        at += n;
        if (at == end)
            break;
        if (*at++ == '\r')
            c->cr = true;
        else
            c->blank = true;
    }
}

void dkim_canon_body_finish(struct dkim_canon_body *c, struct dkim_sink sink) {
    if (c->cr)
        put_text(c, "\r", 1, sink);
    if (c->any || c->how == DKIM_SIMPLE)
        put(c, "\r\n", 2, sink);
    flush(c, sink);
}
