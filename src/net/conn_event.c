// SPDX-License-Identifier: MIT
// What a connection waits for: readiness of its socket, and its one timer.
#include <event2/event.h>

#include "base/clock.h"
#include "net/conn_internal.h"

enum {
    LINGER_MS = 10 * 1000, // without progress, for the session's last words
    DRAIN_MS = 2 * 1000,   // for the peer to close its side
    // The same while the relay ends, which a peer that does nothing must not hold up.
    LINGER_SHUTDOWN_MS = 1000,
    DRAIN_SHUTDOWN_MS = 200,
};

bool conn_may_read(const struct conn *c) {
    return conn_may_show(c) && !c->eof;
}

static short wanted(const struct conn *c) {
    short what = 0;
    switch ((enum conn_state)c->state) {
    case CONN_HANDSHAKE:
        return c->ssl == NULL || c->tls_blocked ? EV_WRITE : EV_READ;
    case CONN_OPEN:
        if (conn_may_read(c) && !c->tls_blocked)
            what |= EV_READ;
        if (c->blocked || c->tls_blocked)
            what |= EV_WRITE;
        return what;
    case CONN_LINGER:
        return EV_WRITE;
    case CONN_DRAIN:
        return EV_READ;
    default:
        return 0;
    }
}

static void on_io(evutil_socket_t fd, short what, void *arg);

static void watch(struct conn *c, short what) {
    conn_unwatch(c);
    if (what == 0)
        return;
    ASSERT(event_assign(&c->io, loop_base(c->loop), c->fd, what | EV_PERSIST, on_io, c) == 0);
    if (event_add(&c->io, NULL) == 0)
        c->armed = (uint8_t)what;
    else if (c->state < CONN_ENDING) // the kernel has no room for one more
        conn_end(c, CONN_END_ERROR, false);
    else
        c->state = CONN_DEAD;
}

void conn_unwatch(struct conn *c) {
    if (c->armed != 0)
        (void)event_del(&c->io);
    c->armed = 0;
}

static uint32_t limit_ms(const struct conn *c) {
    bool hurry = loop_net(c->loop)->shutting_down;
    switch ((enum conn_state)c->state) {
    case CONN_HANDSHAKE:
        return c->handshake_ms;
    case CONN_OPEN:
        return c->timeout_ms;
    case CONN_LINGER:
        return hurry ? LINGER_SHUTDOWN_MS : LINGER_MS;
    case CONN_DRAIN:
        return hurry ? DRAIN_SHUTDOWN_MS : DRAIN_MS;
    default:
        return 0;
    }
}

void conn_touch(struct conn *c) {
    c->since_ms = clock_mono_ms();
}

static uint64_t due_ms(const struct conn *c) {
    uint32_t limit = limit_ms(c);
    return limit > 0 ? c->since_ms + limit : UINT64_MAX;
}

static void settle_timer(struct conn *c) {
    uint64_t due = due_ms(c), stall_due = conn_stall_due_ms(c);
    if (due > stall_due)
        due = stall_due;
    if (due == UINT64_MAX)
        return; // a timer that is armed finds nothing to do
    if (c->timer_at_ms != 0 && c->timer_at_ms <= due)
        return;
    uint64_t now = clock_mono_ms();
    loop_timer_start(&c->timer, due > now ? due - now : 0);
    c->timer_at_ms = due;
}

void conn_settle(struct conn *c) {
    if (c->memory != NULL)
        return;
    // Reading that is not wanted just now stays armed until it fires, so that a short pause costs no system call.
    short want = wanted(c);
    if ((want & ~c->armed) != 0 || (c->armed & ~want & EV_WRITE) != 0)
        watch(c, want);
    conn_stall_settle(c);
    settle_timer(c);
    if (c->state == CONN_DEAD)
        conn_schedule(c);
}

static void on_io_open(struct conn *c, short what) {
    bool read = (what & EV_READ) != 0;
    if ((what & EV_WRITE) != 0) {
        read = read || c->tls_blocked;
        c->tls_blocked = false;
        conn_touch(c); // it was blocked, so the peer has taken something: it is alive
        conn_send(c);
    }
    if (read && conn_may_read(c))
        conn_read(c);
}

static void on_io(evutil_socket_t fd, short what, void *arg) {
    struct conn *c = arg;
    short want = wanted(c);
    if ((what & ~want) != 0)
        watch(c, want);
    what &= want;
    if (what != 0) {
        switch ((enum conn_state)c->state) {
        case CONN_HANDSHAKE:
            c->tls_blocked = false;
            conn_handshake(c);
            break;
        case CONN_OPEN:
            on_io_open(c, what);
            break;
        case CONN_LINGER:
            conn_touch(c);
            conn_linger(c);
            break;
        case CONN_DRAIN:
            conn_drain(c);
            break;
        default:
            break;
        }
    }
    conn_settle(c);
}

// A session that waits for something of ours is not asked for patience with its peer; but the peer may be gone
// altogether.
static void expired_while_paused(struct conn *c) {
    if (conn_plain_is_gone(c))
        conn_end(c, CONN_END_ERROR, false);
    else
        conn_touch(c);
}

static void expired(struct conn *c) {
    switch ((enum conn_state)c->state) {
    case CONN_HANDSHAKE:
        conn_end(c, CONN_END_TIMEOUT, false);
        break;
    case CONN_OPEN:
        if (c->paused)
            expired_while_paused(c);
        else if (conn_peer_takes(c))
            conn_touch(c);
        else
            conn_time_out(c);
        break;
    default:
        if (conn_peer_takes(c))
            conn_touch(c);
        else
            conn_linger_expired(c);
        break;
    }
}

static void stalled(struct conn *c) {
    if (c->state <= CONN_ENDING)
        conn_end(c, CONN_END_OVERFLOW, false);
    else
        conn_linger_expired(c);
}

static void on_timer(struct loop_timer *timer) {
    struct conn *c = CONTAINER_OF(timer, struct conn, timer);
    c->timer_at_ms = 0;
    if (conn_is_stalled(c))
        stalled(c);
    else if (clock_mono_ms() >= due_ms(c))
        expired(c);
    conn_settle(c);
}

void conn_init_events(struct conn *c) {
    loop_timer_init(&c->timer, c->loop, on_timer);
}
