// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/pressure.h"
#include "net/conn_internal.h"

enum {
    ACCEPT_BATCH = 64,     // sockets taken in a turn,
    SHARE_PART = 8,        // but no more than this part of those that are allowed: others want some, too
    ACCEPT_PAUSE_MS = 100, // when this machine has no room for one more
    PAUSE_LOG_MS = 60 * 1000,
};

struct listener {
    int fd;
    struct event *event;
    struct loop_timer pause;
    uint32_t looks; // at what waits
    uint32_t looks_before;
    bool waited_before; // both as of the last listener_is_alive()
    struct service svc;
    size_t next_loop;
    size_t n_loops;
    struct loop *loops[];
};

// ---- overload ----

static _Atomic uint64_t descriptors = UINT64_MAX;
static _Atomic int64_t allowance = INT64_MAX;
static _Atomic uint64_t pause_logged_ms;
static struct metric_counter out_of_descriptors =
    METRIC_COUNTER("martlet_connections_without_descriptor", "Connections closed at once to keep descriptors free");
static struct metric_counter pauses =
    METRIC_COUNTER("martlet_accept_pauses", "Pauses in accepting connections, because the system had no room for one");

int64_t listener_allow(int64_t n_connections, uint64_t n_descriptors) {
    atomic_store_explicit(&descriptors, n_descriptors, memory_order_relaxed);
    return atomic_exchange_explicit(&allowance, n_connections, memory_order_relaxed);
}

static bool must_wait(const struct listener *l) {
    if (l->svc.is_for_operators)
        return false;
    return atomic_load_explicit(&allowance, memory_order_relaxed) <= 0 || pressure_passes_soon();
}

static bool is_refused(const struct listener *l, int fd) {
    if (l->svc.is_for_operators)
        return false;
    // The kernel gives the lowest that is free.
    if ((uint64_t)fd >= atomic_load_explicit(&descriptors, memory_order_relaxed)) {
        metric_count(&out_of_descriptors, 0);
        return true;
    }
    return pressure_refuses(PRESSURE_CONNECTIONS);
}

// Neither memory nor time for this one. Closing over unread octets would reset the connection and take the reply along.
static void refuse(const struct listener *l, int fd) {
    const char *reply = l->svc.busy_reply;
    if (reply != NULL && l->svc.tls_mode == LISTENER_PLAIN) {
        char unread[1024];
        (void)!recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
        (void)!send(fd, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    (void)close(fd);
}

// Once a minute; the counter knows the rest.
static void note_pause(const struct listener *l, int error) {
    uint64_t now = clock_mono_ms(), last = atomic_load(&pause_logged_ms);
    metric_count(&pauses, 0);
    if ((last == 0 || now - last >= PAUSE_LOG_MS) && atomic_compare_exchange_strong(&pause_logged_ms, &last, now))
        log_warning("listener.pauses", "service=%s error=\"%s\"", l->svc.name != NULL ? l->svc.name : "",
                    strerror(error));
}

// ---- accepting ----

static int batch(const struct listener *l) {
    int64_t share = atomic_load_explicit(&allowance, memory_order_relaxed) / SHARE_PART;
    if (l->svc.is_for_operators || share >= ACCEPT_BATCH)
        return ACCEPT_BATCH;
    return share > 1 ? (int)share : 1;
}

static void take(struct listener *l, int fd, const struct sockaddr *sa) {
    struct net_address peer = net_address_from_sockaddr(sa);
    enum conn_admission admission = CONN_ADMITTED;
    if (l->svc.limits != NULL && !conn_limits_enter(l->svc.limits, &peer, &admission)) {
        (void)close(fd);
        return;
    }
    // One that is far over a limit costs next to nothing, and must not cost others their turn.
    if (!l->svc.is_for_operators)
        (void)atomic_fetch_sub_explicit(&allowance, 1, memory_order_relaxed);
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

static void pause_accepting(struct listener *l) {
    (void)event_del(l->event);
    loop_timer_start(&l->pause, ACCEPT_PAUSE_MS);
}

static void on_ready(evutil_socket_t listening, short what, void *arg) {
    struct listener *l = arg;
    l->looks++;
    for (int i = 0, n = batch(l); i < n; i++) {
        if (must_wait(l)) {
            pause_accepting(l);
            return;
        }
        struct sockaddr_storage ss = {0};
        socklen_t len = sizeof(ss);
        int fd = accept4(listening, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && is_refused(l, fd)) {
            refuse(l, fd);
        } else if (fd >= 0) {
            take(l, fd, (const struct sockaddr *)&ss);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!was_only_that_one(errno)) { // EMFILE, ENFILE, ENOBUFS, ENOMEM: trying at once would only spin
            note_pause(l, errno);
            pause_accepting(l);
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
    static struct metric *const metrics[] = {&out_of_descriptors.metric, &pauses.metric};
    conn_metrics_register();
    metrics_register(metrics, ARRAY_LEN(metrics));
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

struct loop *listener_loop(const struct listener *l) {
    return l->pause.loop;
}

const char *listener_name(const struct listener *l) {
    return l->svc.name;
}

bool listener_is_alive(struct listener *l) {
    struct pollfd fd = {.fd = l->fd, .events = POLLIN};
    bool waits = poll(&fd, 1, 0) == 1;
    bool ok = !waits || !l->waited_before || l->looks != l->looks_before;
    l->waited_before = waits;
    l->looks_before = l->looks;
    return ok;
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
