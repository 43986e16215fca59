// SPDX-License-Identifier: MIT
// The octets of a connection. Input is read into the loop's scratch memory and shown to the session right there; only
// what the session leaves is copied, and goes in front of what is read next. Output is collected and sent at the end of
// the turn.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_internal.h"

enum { FLUSH_MAX = 512 * 1024 }; // octets that one connection writes in a turn

bool conn_may_show(const struct conn *c) {
    return c->state == CONN_OPEN && !c->paused && !c->out_high;
}

// Shows octets until they are consumed, or the session wants no more for now; returns how many were consumed.
static size_t show(struct conn *c, const char *ptr, size_t len) {
    size_t done = 0;
    c->showing = true;
    while (done < len && conn_may_show(c)) {
        const void *session = c->session;
        size_t n = c->ops->on_read(c->session, ptr + done, len - done);
        ASSERT(n <= len - done);
        if (n == 0 && c->session == session) // another one is shown what its predecessor left
            break;
        done += n;
    }
    c->showing = false;
    return done;
}

void conn_show_kept(struct conn *c) {
    struct slice kept = buf_slice(&c->in);
    size_t done = show(c, kept.ptr, kept.len);
    if (c->state == CONN_OPEN)
        buf_consume(&c->in, done);
    else
        buf_done(&c->in); // closing, or what came in clear before TLS (CVE-2011-0411)
}

static void show_new(struct conn *c, const char *ptr, size_t len) {
    if (c->in.len > 0) {
        ASSERT(buf_append(&c->in, ptr, len));
        conn_show_kept(c);
        return;
    }
    size_t done = show(c, ptr, len);
    if (c->state == CONN_OPEN)
        ASSERT(buf_append(&c->in, ptr + done, len - done));
}

// Fills the scratch memory, as far as there is room to keep it all.
static enum io_result fill(struct conn *c, char *scratch, size_t max, size_t *ret_len) {
    size_t len = 0;
    enum io_result result = IO_OK;
    while (len < max) {
        size_t n = 0;
        result = c->transport->read(c, scratch + len, max - len, &n);
        if (result != IO_OK)
            break;
        len += n;
        if (!c->transport->has_more(c))
            break;
    }
    *ret_len = len;
    return result;
}

// Reads behind what was kept, where that is the smaller part: of a stream of small frames only the one that was cut is
// copied then, not all that comes after it.
static enum io_result read_and_show(struct conn *c, size_t room) {
    size_t front = c->in.len <= LOOP_SCRATCH_FRONT ? c->in.len : 0;
    char *scratch = loop_net(c->loop)->scratch;
    char *begin = scratch + LOOP_SCRATCH_FRONT - front;
    size_t len;
    enum io_result result = fill(c, begin + front, room < LOOP_SCRATCH_SIZE ? room : LOOP_SCRATCH_SIZE, &len);
    if (len == 0)
        return result;
    if (front > 0) {
        memcpy(begin, buf_slice(&c->in).ptr, front);
        buf_done(&c->in);
    }
    conn_touch(c);
    show_new(c, begin, front + len);
    return result;
}

// One turn's share of input.
void conn_read(struct conn *c) {
    size_t room = CONN_INPUT_MAX - c->in.len;
    if (room == 0) { // the session can do nothing with all this: it should have closed
        conn_end(c, CONN_END_ERROR, false);
        return;
    }
    enum io_result result = read_and_show(c, room);
    if (c->state != CONN_OPEN)
        return;
    if (result == IO_FAILED) {
        conn_end(c, CONN_END_ERROR, false);
    } else if (result == IO_EOF) {
        c->eof = true;
        conn_schedule(c);
    } else if (result == IO_OK && c->transport->has_more(c)) { // not when the rest of a record is still to arrive
        c->read_due = true;
        conn_schedule(c);
    }
}

enum io_result conn_flush(struct conn *c) {
    size_t budget = FLUSH_MAX;
    enum io_result result = IO_OK;
    // In clear before a STARTTLS handshake goes only what was written before it.
    size_t keep = c->state == CONN_HANDSHAKE ? c->out.len - c->clear_left : 0;
    while (c->out.len > keep && budget > 0 && result == IO_OK) {
        struct slice s = slice_sub(buf_slice(&c->out), 0, c->out.len - keep);
        if (s.len > budget)
            s.len = budget;
        size_t n = 0;
        result = c->transport->write(c, s.ptr, s.len, &n);
        buf_consume(&c->out, n);
        c->written += n;
        budget -= n;
    }
    c->blocked = c->out.len > keep;
    if (c->state == CONN_HANDSHAKE)
        c->clear_left = (uint32_t)(c->out.len - keep);
    return result;
}

// What stood above CONN_OUT_HIGH is below CONN_OUT_LOW: input is shown again.
static bool leave_high(struct conn *c) {
    if (!c->out_high || c->out.len >= CONN_OUT_LOW)
        return false;
    c->out_high = false;
    c->show_due = true;
    c->read_due = c->read_due || c->transport->has_more(c);
    conn_schedule(c);
    return true;
}

void conn_check_drained(struct conn *c) {
    bool is_asked = c->out.len < c->drain_mark;
    if (is_asked)
        c->drain_mark = 0;
    if (!leave_high(c) && !is_asked)
        return;
    if (c->state == CONN_OPEN && c->ops->on_drain != NULL)
        c->ops->on_drain(c->session);
}

void conn_ask_drain(struct conn *c, uint32_t len) {
    ASSERT(len > 0);
    if (c->state > CONN_OPEN)
        return;
    c->drain_mark = len;
    conn_schedule(c);
}

static void written(struct conn *c, bool fits) {
    if (!fits) {
        conn_end(c, CONN_END_OVERFLOW, false);
        return;
    }
    if (c->out.len > CONN_OUT_HIGH)
        c->out_high = true;
    if (!c->blocked)
        conn_schedule(c);
}

static bool takes_output(const struct conn *c) {
    return c->state <= CONN_OPEN;
}

void conn_write(struct conn *c, const char *ptr, size_t len) {
    if (len > 0 && takes_output(c))
        written(c, buf_append(&c->out, ptr, len));
}

void conn_write_slice(struct conn *c, struct slice s) {
    conn_write(c, s.ptr, s.len);
}

void conn_write_cstr(struct conn *c, const char *s) {
    conn_write(c, s, strlen(s));
}

void conn_printf(struct conn *c, const char *fmt, ...) {
    if (!takes_output(c))
        return;
    va_list args;
    va_start(args, fmt);
    bool fits = buf_vprintf(&c->out, fmt, args);
    va_end(args);
    written(c, fits);
}

char *conn_reserve(struct conn *c, size_t len) {
    char *room = takes_output(c) ? buf_reserve(&c->out, len) : NULL;
    if (room == NULL && takes_output(c))
        written(c, false);
    return room;
}

void conn_wrote(struct conn *c, size_t len) {
    buf_added(&c->out, len);
    written(c, true);
}

void conn_send_now(struct conn *c) {
    if (c->state != CONN_OPEN || c->blocked || c->out.len == 0)
        return;
    if (conn_flush(c) == IO_FAILED)
        conn_end(c, CONN_END_ERROR, false);
    conn_schedule(c); // to wait for the socket, if need be, and for on_drain
}

size_t conn_out_len(const struct conn *c) {
    return c->out.len;
}
