// SPDX-License-Identifier: MIT
// One timer starts attempts: at once for the first, after the delay for each further one, and again at once when one
// fails. The other is the limit over all.
#include "net/connector.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn_internal.h"
#include "net/error.h"

struct attempt {
    struct connector *owner;
    struct event io;
    int fd; // -1: not begun, or over
};

struct connector {
    struct connector_settings s;
    struct loop *loop;
    struct loop_timer next;
    struct loop_timer deadline;
    const char *why;
    size_t n_addresses, n_begun, n_live;
    struct net_address addresses[CONNECTOR_ADDRESSES_MAX]; // in the order of attempts
    struct attempt attempts[CONNECTOR_ADDRESSES_MAX];
};

// RFC 8305 section 4: the families in turn, each in the order given.
static void interleave(struct connector *co, const struct net_address *from, size_t n) {
    size_t at[2] = {0, 0};
    bool ipv4 = n > 0 && net_address_is_ipv4(&from[0]);
    while (co->n_addresses < CONNECTOR_ADDRESSES_MAX && (at[0] < n || at[1] < n)) {
        size_t *i = &at[ipv4];
        while (*i < n && net_address_is_ipv4(&from[*i]) != ipv4)
            ++*i;
        if (*i < n)
            co->addresses[co->n_addresses++] = from[(*i)++];
        ipv4 = !ipv4;
    }
}

static void close_attempt(struct attempt *a) {
    if (a->fd < 0)
        return;
    (void)event_del(&a->io);
    (void)close(a->fd);
    a->fd = -1;
    a->owner->n_live--;
}

static void destroy(struct connector *co) {
    for (size_t i = 0; i < co->n_begun; i++)
        close_attempt(&co->attempts[i]);
    loop_timer_done(&co->next);
    loop_timer_done(&co->deadline);
    free(co);
}

static void fail(struct connector *co, const char *why) {
    struct connector_settings s = co->s;
    destroy(co);
    s.on_failed(s.arg, why);
}

static void succeed(struct connector *co, struct attempt *a) {
    struct connector_settings s = co->s;
    struct loop *loop = co->loop;
    struct net_address peer = co->addresses[a - co->attempts];
    int fd = a->fd;
    (void)event_del(&a->io);
    a->fd = -1;
    destroy(co);
    const struct service svc = {.ops = s.ops, .on_open = s.on_open, .arg = s.arg};
    conn_start(conn_new_socket(fd, loop, &svc, peer, CONN_ADMITTED));
}

static void go_on(struct connector *co);

static void on_ready(evutil_socket_t fd, short what, void *arg) {
    struct attempt *a = arg;
    struct connector *co = a->owner;
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0) {
        succeed(co, a);
        return;
    }
    co->why = net_error_text(error);
    close_attempt(a);
    go_on(co);
}

// 0, or the errno of what failed at once.
static int begin(struct connector *co, struct attempt *a, const struct net_address *to) {
    struct sockaddr_storage ss;
    socklen_t len = net_address_to_sockaddr(to, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    // A connection that stands at once shows itself as writable too.
    if (connect(fd, (const struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        int error = errno;
        (void)close(fd);
        return error;
    }
    a->owner = co;
    ASSERT(event_assign(&a->io, loop_base(co->loop), fd, EV_WRITE, on_ready, a) == 0);
    if (event_add(&a->io, NULL) != 0) {
        (void)close(fd);
        return ENOMEM;
    }
    a->fd = fd;
    co->n_live++;
    return 0;
}

// Begins the next attempt that does not fail at once.
static void go_on(struct connector *co) {
    size_t live = co->n_live;
    while (co->n_live == live && co->n_begun < co->n_addresses) {
        size_t i = co->n_begun++;
        int error = begin(co, &co->attempts[i], &co->addresses[i]);
        if (error != 0) {
            co->attempts[i].fd = -1;
            co->why = net_error_text(error);
        }
    }
    if (co->n_begun < co->n_addresses)
        loop_timer_start(&co->next, co->s.delay_ms);
    else
        loop_timer_stop(&co->next);
    if (co->n_live == 0)
        fail(co, co->why);
}

static void on_next(struct loop_timer *timer) {
    go_on(CONTAINER_OF(timer, struct connector, next));
}

static void on_deadline(struct loop_timer *timer) {
    fail(CONTAINER_OF(timer, struct connector, deadline), net_error_text(ETIMEDOUT));
}

struct connector *connector_start(struct loop *loop, const struct connector_settings *s) {
    ASSERT(s->ops != NULL && s->on_open != NULL && s->on_failed != NULL);
    struct connector *co = MEM_NEW(struct connector);
    co->s = *s;
    co->s.addresses = NULL;
    if (co->s.timeout_ms == 0)
        co->s.timeout_ms = CONNECTOR_TIMEOUT_MS;
    if (co->s.delay_ms == 0)
        co->s.delay_ms = CONNECTOR_DELAY_MS;
    co->loop = loop;
    co->why = "no address";
    interleave(co, s->addresses, s->n_addresses);
    loop_timer_init(&co->next, loop, on_next);
    loop_timer_init(&co->deadline, loop, on_deadline);
    loop_timer_start(&co->next, 0);
    loop_timer_start(&co->deadline, co->s.timeout_ms);
    return co;
}

void connector_cancel(struct connector *co) {
    if (co != NULL)
        destroy(co);
}
