// SPDX-License-Identifier: MIT
// The body of a request as it arrives (RFC 9112 section 6): to the handler, or away after an answer that came before
// its end.
//
// The handler may pause the connection when it is given the last octet of a body with Content-Length, and is owed one
// more call, after it has resumed. So that the connection has something to show us then, that octet counts as not
// consumed until it is shown again.
#include "base/clock.h"
#include "http/session.h"

// A body that trickles in holds a connection and a handler: after the first minute at least this much is wanted.
enum { GRACE_MS = 60 * 1000, RATE_MIN = 512 /* octets per second, on the whole */ };

static bool is_too_slow(struct http_exchange *x) {
    uint64_t now = clock_mono_ms();
    if (x->was_paused)
        x->body_since_ms += now - x->body_last_ms;
    x->body_last_ms = now;
    uint64_t passed = now - x->body_since_ms;
    return passed > GRACE_MS && x->consumed * 1000 < (passed - GRACE_MS) * RATE_MIN;
}

static bool is_held_up(const struct http_session *s) {
    return s->state == HTTP_STATE_BODY && conn_is_paused(s->c);
}

// All of it was read: the answer is owed now, or what follows is the next request.
static void finish(struct http_session *s) {
    struct http_exchange *x = s->x;
    x->body_done = true;
    if (s->state == HTTP_STATE_SKIP) {
        http_session_proceed(s);
    } else if (s->state == HTTP_STATE_BODY) {
        s->state = HTTP_STATE_ASKED;
        x->on_body(x->owner, NULL, 0);
    }
}

// A call of the handler may answer: the state tells, and only in DONE and HEAD the exchange is gone.
static size_t read_counted(struct http_session *s, const char *data, size_t len) {
    struct http_exchange *x = s->x;
    size_t n = len < x->left ? len : (size_t)x->left;
    x->left -= n;
    if (s->state == HTTP_STATE_BODY && !x->is_held) {
        x->on_body(x->owner, data, n);
        if (s->state == HTTP_STATE_DONE)
            return n;
        if (x->left == 0 && is_held_up(s)) {
            x->left = 1;
            x->is_held = true;
            return n - 1;
        }
    }
    if (x->left == 0)
        finish(s);
    return n;
}

static void refuse(struct http_session *s, uint16_t status, const char *text) {
    if (s->state == HTTP_STATE_BODY)
        http_exchange_fail(s->x, status, text);
    else
        http_session_end(s);
}

static bool chunk_fits(struct http_exchange *x, size_t len) {
    if (x->max - x->received < len)
        return false;
    x->received += len;
    return true;
}

static size_t read_chunked(struct http_session *s, const char *data, size_t len) {
    struct http_exchange *x = s->x;
    size_t done = 0;
    while (done < len && (s->state == HTTP_STATE_BODY || s->state == HTTP_STATE_SKIP) && !is_held_up(s)) {
        size_t used = 0;
        struct slice piece;
        enum http_chunked_result result =
            http_chunked_next(&x->chunked, slice_make(data + done, len - done), &used, &piece);
        done += used;
        if (s->state == HTTP_STATE_SKIP && (x->skipped += used) > HTTP_BODY_SKIP_MAX) {
            http_session_end(s);
        } else if (result == HTTP_CHUNKED_BAD) {
            refuse(s, 400, "The body of the request is not made of chunks as it should be.");
        } else if (result == HTTP_CHUNKED_END) {
            finish(s);
            break;
        } else if (result == HTTP_CHUNKED_DATA && s->state == HTTP_STATE_BODY) {
            if (chunk_fits(x, piece.len))
                x->on_body(x->owner, piece.ptr, piece.len);
            else
                refuse(s, 413, "The body of the request is too large.");
        }
    }
    return done;
}

size_t http_body_read(struct http_session *s, const char *data, size_t len) {
    if (is_too_slow(s->x)) {
        refuse(s, 408, "The body of the request took too long to arrive.");
        return len;
    }
    size_t n = s->x->head.request.is_chunked ? read_chunked(s, data, len) : read_counted(s, data, len);
    if (s->state == HTTP_STATE_BODY || s->state == HTTP_STATE_SKIP) {
        s->x->consumed += n;
        s->x->was_paused = conn_is_paused(s->c);
    }
    return n;
}
