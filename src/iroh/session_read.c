// SPDX-License-Identifier: MIT
// The frames of a client, in both dialects.
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/session.h"

static void pong(struct iroh_session *s, const uint8_t ping[IROH_PING_LEN]) {
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_write_pong(s->dialect, ping, frame));
}

static void take(struct iroh_session *s, const struct iroh_frame *f) {
    switch (f->kind) {
    case IROH_PACKET:
        iroh_session_forward(s, f);
        return;
    case IROH_PING:
        pong(s, f->ping);
        return;
    case IROH_PONG:
        iroh_liveness_pong(s, f->ping);
        return;
    case IROH_IGNORED:
    case IROH_MORE:
        return;
    case IROH_BAD:
        iroh_session_end(s, IROH_END_PROTOCOL);
        return;
    }
}

// ---- dialect A ----

static void refuse_a(struct iroh_session *s) {
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_a_write_refusal(frame));
    iroh_session_fail(s, IROH_HELLO_UNPROVED);
}

static size_t hello_a(struct iroh_session *s, struct slice in) {
    size_t len = 0;
    uint8_t key[IROH_KEY_LEN];
    switch (iroh_a_hello(in, &len, key)) {
    case IROH_HELLO_MORE:
        return 0;
    case IROH_HELLO_OK:
        iroh_session_admit(s, key);
        return len;
    case IROH_HELLO_REFUSED:
        refuse_a(s);
        return in.len;
    case IROH_HELLO_BAD:
        break;
    }
    iroh_session_fail(s, IROH_HELLO_MALFORMED);
    return in.len;
}

// One frame; returns its length, 0 when it is not whole.
static size_t read_a(struct iroh_session *s, struct slice in) {
    if (s->client == NULL)
        return hello_a(s, in);
    struct iroh_frame f;
    iroh_a_parse(in, &f);
    take(s, &f);
    return f.len;
}

// ---- dialect B ----

static void refuse_b(struct iroh_session *s) {
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_b_write_denial("signature invalid", frame));
    iroh_session_fail(s, IROH_HELLO_UNPROVED);
}

static void hello_b(struct iroh_session *s, const struct websocket_payload *message) {
    uint8_t key[IROH_KEY_LEN];
    switch (iroh_b_auth(message, s->challenge, key)) {
    case IROH_HELLO_OK:
        iroh_session_admit(s, key);
        return;
    case IROH_HELLO_REFUSED:
        refuse_b(s);
        return;
    case IROH_HELLO_MORE:
    case IROH_HELLO_BAD:
        iroh_session_fail(s, IROH_HELLO_MALFORMED);
        return;
    }
}

static void take_message(struct iroh_session *s, const struct websocket_payload *message) {
    if (s->client == NULL) {
        hello_b(s, message);
        return;
    }
    struct iroh_frame f;
    iroh_b_parse(message, &f);
    take(s, &f);
}

static void close_b(struct iroh_session *s, uint16_t status, enum iroh_end why) {
    uint8_t frame[WEBSOCKET_CLOSE_LEN];
    conn_write(s->c, (const char *)frame, websocket_write_close(status, frame));
    if (s->client == NULL && why == IROH_END_PROTOCOL)
        iroh_session_fail(s, IROH_HELLO_MALFORMED);
    else
        iroh_session_end(s, why);
}

static void websocket_pong(struct iroh_session *s, const struct websocket_payload *ping) {
    uint8_t frame[WEBSOCKET_PONG_MAX];
    conn_write(s->c, (const char *)frame, websocket_write_pong(ping, frame));
}

// One websocket frame; returns how much was consumed, and whether it was all of a frame that we look at.
static size_t read_b(struct iroh_session *s, struct slice in, bool *ret_whole) {
    size_t len = 0;
    struct websocket_payload payload;
    uint16_t status = WEBSOCKET_NO_STATUS;
    enum websocket_event event = websocket_next(&s->reader, in, &len, &payload, &status);
    *ret_whole = event != WEBSOCKET_EVENT_MORE;
    switch (event) {
    case WEBSOCKET_EVENT_BINARY:
        take_message(s, &payload);
        break;
    case WEBSOCKET_EVENT_PING:
        websocket_pong(s, &payload);
        break;
    case WEBSOCKET_EVENT_CLOSE:
        close_b(s, status, IROH_END_CLIENT);
        break;
    case WEBSOCKET_EVENT_BAD:
        close_b(s, status, IROH_END_PROTOCOL);
        break;
    case WEBSOCKET_EVENT_MORE:
    case WEBSOCKET_EVENT_TEXT: // skipped
    case WEBSOCKET_EVENT_PONG:
        break;
    }
    return len;
}

size_t iroh_session_read(struct iroh_session *s, struct slice in) {
    size_t done = 0;
    bool has_frame = false;
    while (done < in.len && !conn_is_closing(s->c)) {
        struct slice rest = slice_sub(in, done, in.len);
        bool is_whole = true;
        size_t n = iroh_is_b(s->dialect) ? read_b(s, rest, &is_whole) : read_a(s, rest);
        if (n == 0)
            break;
        done += n;
        has_frame = has_frame || is_whole;
    }
    iroh_liveness_heard(s, done, has_frame);
    return conn_is_closing(s->c) ? in.len : done;
}
