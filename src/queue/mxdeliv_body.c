// SPDX-License-Identifier: MIT
#include "queue/mxdeliv_body.h"

#include <string.h>

static void start_reading(struct mxdeliv_body *b);

// ---- stuffing ----

// False: there was no room.
static bool emit(struct mxdeliv_body *b, struct buf *out, struct slice octets) {
    b->counted += octets.len;
    return out == NULL || buf_append_slice(out, octets);
}

static bool stuff(struct mxdeliv_body *b, struct buf *out, struct slice octets, bool is_end) {
    struct slice piece;
    bool ok = true;
    while (stuffing_next(&b->stuffing, &octets, &piece))
        ok = emit(b, out, piece) && ok;
    return (!is_end || emit(b, out, stuffing_end_line(&b->stuffing))) && ok;
}

// ---- reading ----

static void measured(struct mxdeliv_body *b, bool ok) {
    b->is_measured = true;
    b->len = b->counted;
    b->has_failed = !ok;
    if (!b->is_kept) {
        buf_done(&b->held);
        if (ok)
            mxdeliv_body_rewind(b);
    }
    b->on_measured(b->arg, ok);
}

// The first reading: counts, and keeps what is small.
static void measure(struct mxdeliv_body *b, struct slice octets, bool is_end) {
    struct buf *out = b->is_kept ? &b->held : NULL;
    bool kept = stuff(b, out, octets, is_end);
    b->is_kept = b->is_kept && kept;
    if (is_end)
        measured(b, true);
    else
        start_reading(b);
}

static void take_more(struct mxdeliv_body *b, struct slice octets, bool is_end) {
    bool ok = stuff(b, &b->held, octets, is_end);
    ASSERT(ok); // room for twice the piece, and it was empty
    b->on_more(b->arg);
}

static void on_octets(void *arg, struct slice octets) {
    struct mxdeliv_body *b = arg;
    b->is_reading = false;
    uint64_t left = b->letter->size - b->passed;
    if (octets.ptr == NULL || octets.len == 0 || octets.len > left) { // not the letter that was promised
        b->has_failed = true;
        if (b->is_measured)
            b->on_more(b->arg);
        else
            measured(b, false);
        return;
    }
    b->passed += octets.len;
    if (b->is_measured)
        take_more(b, octets, octets.len == left);
    else
        measure(b, octets, octets.len == left);
}

static void start_reading(struct mxdeliv_body *b) {
    b->is_reading = true;
    b->letter->read(b->letter, MXDELIV_BODY_PIECE, on_octets, b);
}

static void to_start(struct mxdeliv_body *b) {
    b->at = b->passed = b->counted = 0;
    b->stuffing = (struct stuffing){0};
}

void mxdeliv_body_start(struct mxdeliv_body *b, struct transport_letter *l, void (*on_measured)(void *arg, bool ok),
                        void (*on_more)(void *arg), void *arg) {
    *b =
        (struct mxdeliv_body){.letter = l, .is_kept = true, .on_measured = on_measured, .on_more = on_more, .arg = arg};
    buf_init(&b->held, MXDELIV_BODY_KEEP > 2 * MXDELIV_BODY_PIECE + 3 ? MXDELIV_BODY_KEEP : 2 * MXDELIV_BODY_PIECE + 3);
    to_start(b);
    ASSERT(l->size > 0);
    l->read_rewind(l); // another transport may have read of it
    start_reading(b);
}

void mxdeliv_body_rewind(struct mxdeliv_body *b) {
    if (b->is_kept) {
        b->at = 0;
        return;
    }
    if (b->is_reading)
        b->letter->read_cancel(b->letter);
    b->is_reading = false;
    b->letter->read_rewind(b->letter);
    buf_done(&b->held);
    to_start(b);
}

enum http_body mxdeliv_body_next(struct mxdeliv_body *b, char *ptr, size_t max, size_t *ret_len) {
    struct slice all = buf_slice(&b->held);
    struct slice next = b->is_kept ? slice_sub(all, (size_t)b->at, all.len) : all;
    if (b->has_failed || b->at == b->len)
        return HTTP_BODY_FAILED;
    if (next.len == 0) {
        if (!b->is_reading)
            start_reading(b);
        return HTTP_BODY_WAIT;
    }
    size_t n = next.len < max ? next.len : max;
    memcpy(ptr, next.ptr, n);
    b->at += n;
    if (!b->is_kept)
        buf_consume(&b->held, n);
    *ret_len = n;
    return HTTP_BODY_MORE;
}

void mxdeliv_body_stop(struct mxdeliv_body *b) {
    if (b->is_reading)
        b->letter->read_cancel(b->letter);
    b->is_reading = false;
    buf_done(&b->held);
}
