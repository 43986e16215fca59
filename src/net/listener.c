// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn_internal.h"

enum {
    ACCEPT_BATCH = 64,     // sockets taken in a turn
    ACCEPT_PAUSE_MS = 100, // when this machine has no room for one more
};

struct listener {
    int fd;
    struct event *event;
    struct loop_timer pause;
    struct service svc;
    size_t next_loop;
    size_t n_loops;
    struct loop *loops[];
};

static void take(struct listener *l, int fd, const struct sockaddr *sa) {
    struct net_address peer = net_address_from_sockaddr(sa);
    enum conn_admission admission = CONN_ADMITTED;
    if (l->svc.limits != NULL && !conn_limits_enter(l->svc.limits, &peer, &admission)) {
        (void)close(fd);
        return;
    }
    struct loop *loop = l->loops[l->next_loop];
    l->next_loop = (l->next_loop + 1) % l->n_loops;
    conn_start(conn_new_socket(fd, loop, &l->svc, peer, admission));
}

// Errors of accept() that speak of the one connection that was waiting; Linux hands on its network errors (accept(2)).
static bool was_only_that_one(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static void on_ready(evutil_socket_t listening, short what, void *arg) {
    struct listener *l = arg;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage ss = {0};
        socklen_t len = sizeof(ss);
        int fd = accept4(listening, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, fd, (const struct sockaddr *)&ss);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!was_only_that_one(errno)) { // EMFILE, ENFILE, ENOBUFS, ENOMEM: trying at once would only spin
            (void)event_del(l->event);
            loop_timer_start(&l->pause, ACCEPT_PAUSE_MS);
            return;
        }
    }
}

static void on_pause_over(struct loop_timer *timer) {
    struct listener *l = CONTAINER_OF(timer, struct listener, pause);
    ASSERT(event_add(l->event, NULL) == 0);
}

struct listener *listener_new(int fd, struct loop *accept_loop, struct loop *const *loops, size_t n_loops,
                              const struct service *svc) {
    ASSERT(n_loops > 0 && svc->ops != NULL && svc->on_open != NULL);
    ASSERT(svc->tls != NULL || svc->tls_mode == LISTENER_PLAIN);
    conn_metrics_register();
    struct listener *l = mem_zalloc(1, sizeof(*l) + n_loops * sizeof(struct loop *));
    l->fd = fd;
    l->svc = *svc;
    l->n_loops = n_loops;
    for (size_t i = 0; i < n_loops; i++)
        l->loops[i] = loops[i];
    ASSERT(evutil_make_socket_nonblocking(fd) == 0);
    loop_timer_init(&l->pause, accept_loop, on_pause_over);
    l->event = event_new(loop_base(accept_loop), fd, EV_READ | EV_PERSIST, on_ready, l);
    ASSERT(l->event != NULL && event_add(l->event, NULL) == 0);
    return l;
}

void listener_stop(struct listener *l) {
    (void)event_del(l->event);
    loop_timer_stop(&l->pause);
}

void listener_free(struct listener *l) {
    if (l == NULL)
        return;
    loop_timer_done(&l->pause);
    event_free(l->event);
    free(l);
}
