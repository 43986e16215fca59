// SPDX-License-Identifier: MIT
// Fuzzes the MIME walk and transfer decoding: the walk of the whole and the walk of pieces must tell the same.
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/mime.h"
#include "mail/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct trace {
    struct mime_walk *walk;
    struct buf text;
    enum mime_event last;
    struct transfer_decoder transfer;
    bool transfer_bad, over, bad;
    unsigned depth;
};

static void put(struct trace *t, const char *ptr, size_t len) {
    bool ok = buf_append(&t->text, ptr, len);
    ASSERT(ok);
}

static void put_octets(struct trace *t, enum mime_event event, struct slice octets) {
    ASSERT(octets.len > 0);
    if (t->last != event)
        put(t, event == MIME_BODY ? "<" : "~", 1);
    put(t, octets.ptr, octets.len);
    while (event == MIME_BODY && octets.len > 0 && !t->transfer_bad) {
        char out[TRANSFER_OUT_MIN];
        size_t len = 0;
        t->transfer_bad = !transfer_decode(&t->transfer, &octets, out, sizeof(out), &len);
        ASSERT(t->transfer_bad || len <= sizeof(out));
    }
}

static void put_event(struct trace *t, enum mime_event event, const struct mime_item *item) {
    switch (event) {
    case MIME_PART:
        ASSERT(item->depth == t->depth && item->depth <= MIME_DEPTH_MAX);
        t->depth += item->is_multipart ? 1 : 0;
        transfer_init(&t->transfer, item->encoding);
        t->transfer_bad = false;
        put(t, "{", 1);
        put(t, item->header.ptr, item->header.len);
        break;
    case MIME_BODY:
    case MIME_STRAY:
        put_octets(t, event, item->octets);
        break;
    case MIME_END:
        t->depth -= item->is_multipart ? 1 : 0;
        ASSERT(item->depth == t->depth);
        if (!item->is_multipart)
            put(t, !t->transfer_bad && transfer_finish(&t->transfer) ? "+" : "-", 1);
        put(t, item->closed ? "]" : "}", 1);
        break;
    case MIME_DONE:
        ASSERT(t->depth == 0);
        put(t, mime_walk_is_ambiguous(t->walk) ? "?" : ".", 1);
        t->over = true;
        break;
    case MIME_BAD:
        ASSERT(mime_walk_reason(t->walk) != NULL);
        t->bad = true;
        t->over = true;
        break;
    case MIME_MORE:
        break;
    }
    t->last = event;
}

static void feed(struct trace *t, struct slice in, bool last) {
    while (!t->over) {
        struct mime_item item;
        enum mime_event event = mime_walk_next(t->walk, &in, last, &item);
        if (event == MIME_MORE) {
            ASSERT(in.len == 0 && !last);
            return;
        }
        put_event(t, event, &item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    size_t step = data[0] % 64 + 1U;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    struct trace whole = {.walk = mime_walk_new(), .text = {.max = 4 * size + 64}};
    struct trace cut = {.walk = mime_walk_new(), .text = {.max = 4 * size + 64}};
    feed(&whole, in, true);
    for (size_t at = 0; at < in.len; at += step)
        feed(&cut, slice_sub(in, at, at + step), false);
    feed(&cut, SLICE_EMPTY, true);
    ASSERT(whole.bad == cut.bad);
    ASSERT(whole.bad || slice_eq(buf_slice(&whole.text), buf_slice(&cut.text)));
    mime_walk_free(whole.walk);
    mime_walk_free(cut.walk);
    buf_done(&whole.text);
    buf_done(&cut.text);
    return 0;
}
