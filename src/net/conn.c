// SPDX-License-Identifier: MIT
// The life of a connection, and what its session may ask for. See conn_internal.h for the states.
#include "net/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "net/conn_internal.h"
#include "net/tls_client.h"

static atomic_size_t open_sockets;

static void conn_turn(struct loop_task *task);

void conn_schedule(struct conn *c) {
    if (c->scheduled)
        return;
    c->scheduled = true;
    loop_defer(c->loop, &c->turn);
}

void conn_end(struct conn *c, enum conn_end why, bool flush) {
    if (c->state >= CONN_ENDING) {
        c->flush_at_end = c->flush_at_end && flush;
        return;
    }
    c->flush_at_end = flush && c->state == CONN_OPEN;
    c->state = CONN_ENDING;
    c->why = (uint8_t)why;
    if (!c->showing)
        buf_done(&c->in);
    conn_schedule(c);
}

static void end_all(struct loop *loop) {
    LIST_FOREACH(node, &loop_net(loop)->conns) {
        struct conn *c = CONTAINER_OF(node, struct conn, link);
        conn_end(c, CONN_END_LOCAL, false);
        if (c->state > CONN_ENDING) {
            c->state = CONN_DEAD;
            conn_schedule(c);
        }
    }
}

void conn_init(struct conn *c, struct loop *loop, const struct conn_ops *ops, const struct transport *transport) {
    list_init(&c->link);
    c->loop = loop;
    c->turn.run = conn_turn;
    c->transport = transport;
    c->ops = ops;
    c->fd = -1;
    buf_init(&c->in, CONN_INPUT_MAX);
    buf_init(&c->out, CONN_OUT_MAX);
    conn_init_events(c);
}

void conn_link(struct conn *c) {
    struct loop_net *net = loop_net(c->loop);
    if (net->scratch == NULL) {
        net->scratch = mem_alloc(LOOP_SCRATCH_FRONT + LOOP_SCRATCH_SIZE);
        net->end_all = end_all;
    }
    list_append(&net->conns, &c->link);
}

struct conn *conn_new_socket(int fd, struct loop *loop, const struct service *svc, struct net_address peer,
                             enum conn_admission admission) {
    struct conn *c = MEM_NEW(struct conn);
    conn_init(c, loop, svc->ops, &conn_transport_plain);
    c->fd = fd;
    c->on_open = svc->on_open;
    c->arg = svc->arg;
    c->limits = svc->limits;
    c->handshake_ms = svc->handshake_timeout_ms;
    c->stall_ms = svc->stall_timeout_ms;
    c->peer = peer;
    c->admission = (uint8_t)admission;
    c->state = svc->tls_mode == LISTENER_IMPLICIT ? CONN_HANDSHAKE : CONN_OPEN;
    c->tls = svc->tls;
    // Replies are collected and leave at the end of the turn, so there is nothing to wait for. Not every socket is TCP.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    atomic_fetch_add(&open_sockets, 1);
    return c;
}

static void destroy(struct conn *c) {
    list_remove(&c->link);
    conn_unwatch(c);
    loop_timer_done(&c->timer);
    conn_tls_end(c);
    (void)close(c->fd);
    conn_leave_limits(c);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c);
    atomic_fetch_sub(&open_sockets, 1);
}

size_t conn_count(void) {
    return atomic_load(&open_sockets);
}

// Ready for the protocol: now there is a session.
static void open_session(struct conn *c) {
    conn_touch(c);
    c->session = c->on_open(c->arg, c);
    c->has_session = c->session != NULL;
    if (!c->has_session)
        conn_end(c, CONN_END_LOCAL, true);
}

static void start(struct loop_task *task) {
    struct conn *c = CONTAINER_OF(task, struct conn, turn);
    c->turn.run = conn_turn;
    conn_link(c);
    conn_touch(c);
    if (c->state == CONN_HANDSHAKE)
        conn_tls_begin(c);
    else
        open_session(c);
    conn_settle(c);
}

void conn_start(struct conn *c) {
    c->turn.run = start;
    if (loop_is_current(c->loop))
        start(&c->turn);
    else
        loop_post(c->loop, &c->turn);
}

static void handshake_done(struct conn *c) {
    c->state = CONN_OPEN;
    c->secure = true;
    conn_tls_count(c);
    conn_touch(c);
    c->read_due = c->transport->has_more(c); // what came in the same packet as the end of the handshake
    conn_schedule(c);
    if (!c->has_session)
        open_session(c);
    else if (c->ops->on_tls != NULL)
        c->ops->on_tls(c->session);
}

void conn_handshake(struct conn *c) {
    if (c->clear_left > 0 && conn_flush(c) == IO_FAILED) {
        conn_end(c, CONN_END_ERROR, false);
        return;
    }
    if (c->clear_left > 0)
        return;
    if (c->ssl == NULL && c->memory == NULL)
        conn_tls_begin(c);
    enum io_result result = c->transport->handshake(c);
    if (result == IO_OK)
        handshake_done(c);
    else if (result != IO_BLOCKED)
        conn_end(c, CONN_END_ERROR, false);
}

void conn_send(struct conn *c) {
    if (conn_flush(c) == IO_FAILED)
        conn_end(c, CONN_END_ERROR, false);
    else
        conn_check_drained(c);
}

static void turn_open(struct conn *c) {
    if (c->show_due && conn_may_show(c)) {
        c->show_due = false;
        if (c->in.len > 0)
            conn_show_kept(c);
    }
    if (c->read_due && conn_may_read(c)) {
        c->read_due = false;
        conn_read(c);
    }
    if (c->eof && conn_may_show(c))
        conn_end(c, CONN_END_EOF, true);
    if (c->state == CONN_OPEN)
        conn_send(c);
}

static const char *const end_values[] = {
    [CONN_END_EOF] = "eof",     [CONN_END_ERROR] = "error",       [CONN_END_TIMEOUT] = "timeout",
    [CONN_END_LOCAL] = "local", [CONN_END_OVERFLOW] = "overflow",
};
static struct metric_counter ended =
    METRIC_COUNTER_BY("martlet_connections_ended", "Connections, in and out, by what ended them", "why", end_values);

void conn_metrics_register(void) {
    static struct metric *const all[] = {&ended.metric};
    metrics_register(all, ARRAY_LEN(all));
    conn_tls_metrics_register();
}

static void turn_ending(struct conn *c) {
    metric_count(&ended, c->why);
    if (c->ssl != NULL && !c->secure)
        conn_tls_count(c);
    if (c->has_session) {
        c->has_session = false;
        c->ops->on_close(c->session, c->why);
    }
    if (c->memory != NULL) {
        if (c->flush_at_end)
            (void)conn_flush(c);
        c->state = CONN_DEAD;
    } else if (c->flush_at_end) {
        c->state = CONN_LINGER;
        conn_touch(c);
        conn_linger(c);
    } else {
        if (c->why == CONN_END_OVERFLOW)
            conn_plain_reset(c); // the kernel too should forget what the peer does not read
        c->state = CONN_DEAD;
    }
}

static void conn_turn(struct loop_task *task) {
    struct conn *c = CONTAINER_OF(task, struct conn, turn);
    c->scheduled = false;
    switch ((enum conn_state)c->state) {
    case CONN_HANDSHAKE:
        conn_handshake(c);
        break;
    case CONN_OPEN:
        turn_open(c);
        break;
    case CONN_ENDING:
        turn_ending(c);
        break;
    case CONN_LINGER:
        conn_linger(c);
        break;
    case CONN_DRAIN:
    case CONN_DEAD:
        break;
    }
    if (c->state == CONN_DEAD && !c->scheduled && c->memory == NULL)
        destroy(c);
    else
        conn_settle(c);
}

void conn_time_out(struct conn *c) {
    conn_touch(c);
    c->in_timeout = true;
    c->ops->on_timeout(c->session);
    c->in_timeout = false;
}

void conn_pause(struct conn *c) {
    ASSERT(!c->paused);
    c->paused = true;
}

void conn_resume(struct conn *c) {
    ASSERT(c->paused);
    c->paused = false;
    if (c->state > CONN_OPEN)
        return;
    conn_touch(c);
    c->show_due = true;
    conn_schedule(c);
}

bool conn_is_paused(const struct conn *c) {
    return c->paused;
}

static void start_tls(struct conn *c) {
    c->state = CONN_HANDSHAKE;
    c->clear_left = (uint32_t)c->out.len;
    c->read_due = false;
    if (!c->showing)
        buf_done(&c->in);
    if (c->memory != NULL)
        conn_memory_drop_input(c);
    conn_touch(c);
    conn_schedule(c);
}

void conn_start_tls(struct conn *c, struct tls_context *tls) {
    if (c->state > CONN_OPEN)
        return;
    ASSERT(!c->secure && c->state == CONN_OPEN);
    c->tls = tls;
    start_tls(c);
}

void conn_start_tls_client(struct conn *c, const struct tls_client *how) {
    if (c->state > CONN_OPEN)
        return;
    ASSERT(!c->secure && c->state == CONN_OPEN);
    if (c->memory == NULL)
        c->client_ssl = tls_client_new_ssl(how);
    c->handshake_ms = how->handshake_ms > 0 ? how->handshake_ms : TLS_CLIENT_HANDSHAKE_MS;
    start_tls(c);
}

void conn_limit_unsent(struct conn *c, uint32_t octets) {
    if (c->memory == NULL)
        conn_plain_limit_unsent(c, octets);
}

bool conn_is_tls(const struct conn *c) {
    return c->secure;
}

void conn_set_timeout(struct conn *c, uint32_t ms) {
    c->timeout_ms = ms;
    if (c->state != CONN_OPEN)
        return;
    conn_touch(c);
    conn_schedule(c);
}

void conn_close(struct conn *c) {
    conn_end(c, c->in_timeout ? CONN_END_TIMEOUT : CONN_END_LOCAL, true);
}

void conn_abort(struct conn *c) {
    conn_end(c, c->in_timeout ? CONN_END_TIMEOUT : CONN_END_LOCAL, false);
}

bool conn_is_closing(const struct conn *c) {
    return c->state >= CONN_ENDING;
}

struct loop *conn_loop(const struct conn *c) {
    return c->loop;
}

struct net_address conn_peer(const struct conn *c) {
    return c->peer;
}

enum conn_admission conn_admission(const struct conn *c) {
    return c->admission;
}

void conn_set_session(struct conn *c, void *session) {
    c->session = session;
}

void conn_set_handler(struct conn *c, const struct conn_ops *ops, void *session) {
    ASSERT(ops != NULL && session != NULL);
    c->ops = ops;
    c->session = session;
    if (c->showing || c->in.len == 0)
        return; // conn_flow.c goes on with the new one, or nothing was kept
    c->show_due = true;
    conn_schedule(c);
}

void conn_set_limits(struct conn *c, struct conn_limits *limits) {
    if (limits == c->limits)
        return;
    enum conn_admission admission = CONN_ADMITTED;
    if (limits != NULL && !conn_limits_enter(limits, &c->peer, &admission)) {
        c->admission = CONN_TOO_MANY;
        conn_abort(c);
        return;
    }
    conn_leave_limits(c);
    c->limits = limits;
    c->admission = (uint8_t)admission;
}

void conn_leave_limits(struct conn *c) {
    if (c->limits != NULL)
        conn_limits_leave(c->limits, &c->peer);
    c->limits = NULL;
}

bool conn_peer_uid(const struct conn *c, uid_t *ret_uid) {
    int domain = 0;
    struct ucred peer;
    socklen_t domain_len = sizeof(domain), peer_len = sizeof(peer);
    // Other kinds of socket answer SO_PEERCRED too, with nobody.
    if (c->fd < 0 || getsockopt(c->fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) != 0 || domain != AF_UNIX ||
        getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0 || peer_len != sizeof(peer))
        return false;
    *ret_uid = peer.uid;
    return true;
}

void conn_shutdown_all(struct loop *loop) {
    loop_net(loop)->shutting_down = true;
    LIST_FOREACH(node, &loop_net(loop)->conns) {
        struct conn *c = CONTAINER_OF(node, struct conn, link);
        if (c->state >= CONN_ENDING)
            conn_settle(c); // less time is left for it now
        else if (!c->has_session || c->ops->on_shutdown == NULL)
            conn_end(c, CONN_END_LOCAL, true);
        else
            c->ops->on_shutdown(c->session);
    }
}
