// SPDX-License-Identifier: MIT
// A connection over memory. What is fed waits in `fed` and is read like a socket, a turn's share at a time; what is
// flushed collects in `sent`. Everything else is the same code as for a socket, so a test of a session tests what will
// run.
#include "base/mem.h"
#include "net/conn_internal.h"

enum { MEMORY_MAX = 256 * 1024 * 1024 };

struct conn_memory {
    struct conn c;
    struct buf fed;
    struct buf sent;
    bool fed_eof;
    bool blocked; // the peer takes nothing
};

static enum io_result memory_read(struct conn *c, char *ptr, size_t max, size_t *ret_len) {
    struct conn_memory *m = c->memory;
    struct slice s = slice_sub(buf_slice(&m->fed), 0, max);
    if (s.len == 0)
        return m->fed_eof ? IO_EOF : IO_BLOCKED;
    memcpy(ptr, s.ptr, s.len);
    buf_consume(&m->fed, s.len);
    *ret_len = s.len;
    return IO_OK;
}

static enum io_result memory_write(struct conn *c, const char *ptr, size_t len, size_t *ret_len) {
    if (c->memory->blocked)
        return IO_BLOCKED;
    ASSERT(buf_append(&c->memory->sent, ptr, len));
    *ret_len = len;
    return IO_OK;
}

static bool memory_has_more(const struct conn *c) {
    return c->memory->fed.len > 0 || (c->memory->fed_eof && !c->eof);
}

static enum io_result memory_handshake(struct conn *c) {
    return IO_OK;
}

static void memory_finish(struct conn *c) {}

const struct transport conn_transport_memory = {
    .read = memory_read,
    .write = memory_write,
    .has_more = memory_has_more,
    .handshake = memory_handshake,
    .finish = memory_finish,
};

void conn_memory_drop_input(struct conn *c) {
    buf_done(&c->memory->fed);
}

struct conn *conn_new_memory(struct loop *loop, const struct conn_ops *ops, void *session, bool tls) {
    struct conn_memory *m = MEM_NEW(struct conn_memory);
    conn_init(&m->c, loop, ops, &conn_transport_memory);
    m->c.memory = m;
    m->c.state = CONN_OPEN;
    m->c.session = session;
    m->c.has_session = true;
    m->c.secure = tls;
    buf_init(&m->fed, MEMORY_MAX);
    buf_init(&m->sent, MEMORY_MAX);
    conn_link(&m->c);
    return &m->c;
}

static void arrive(struct conn *c) {
    if (c->state > CONN_OPEN)
        return;
    c->read_due = true;
    conn_schedule(c);
}

void conn_memory_feed(struct conn *c, const char *ptr, size_t len) {
    if (c->state <= CONN_OPEN)
        ASSERT(buf_append(&c->memory->fed, ptr, len));
    arrive(c);
}

void conn_memory_feed_eof(struct conn *c) {
    c->memory->fed_eof = true;
    arrive(c);
}

void conn_memory_block(struct conn *c, bool blocked) {
    c->memory->blocked = blocked;
    if (!blocked && c->state <= CONN_OPEN)
        conn_schedule(c);
}

void conn_memory_timeout(struct conn *c) {
    if (c->state == CONN_OPEN && !c->paused)
        conn_time_out(c);
}

struct slice conn_memory_output(struct conn *c) {
    // What on_drain is owed comes with the next turn, which has been scheduled by the writing.
    if (c->state <= CONN_OPEN || (c->state == CONN_ENDING && c->flush_at_end))
        (void)conn_flush(c);
    return buf_slice(&c->memory->sent);
}

void conn_memory_take_output(struct conn *c) {
    buf_done(&c->memory->sent);
}

bool conn_memory_is_closed(const struct conn *c) {
    return c->state == CONN_DEAD;
}

void conn_memory_free(struct conn *c) {
    if (c == NULL)
        return;
    conn_abort(c);
    if (c->scheduled)
        loop_run_ready(c->loop);
    ASSERT(c->state == CONN_DEAD && !c->scheduled);
    list_remove(&c->link);
    conn_leave_limits(c);
    buf_done(&c->in);
    buf_done(&c->out);
    buf_done(&c->memory->fed);
    buf_done(&c->memory->sent);
    free(c->memory);
}
