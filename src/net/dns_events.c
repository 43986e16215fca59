// SPDX-License-Identifier: MIT
#include "net/dns_events.h"

#include <event2/event.h>
#include <stddef.h>
#include <sys/time.h>
#include <unbound-event.h>

#include "base/mem.h"

// Both sides mean the same bits.
_Static_assert(UB_EV_TIMEOUT == EV_TIMEOUT && UB_EV_READ == EV_READ && UB_EV_WRITE == EV_WRITE &&
                   UB_EV_SIGNAL == EV_SIGNAL && UB_EV_PERSIST == EV_PERSIST,
               "event bits");

struct base {
    struct ub_event_base ub; // first: libunbound knows this part
    struct event_base *libevent;
};

struct watch {
    struct ub_event ub; // first
    struct base *base;
    struct event *event;
    int fd;
    short bits;
    void (*run)(int, short, void *);
    void *arg;
};

static struct watch *watch_of(struct ub_event *ub) {
    ASSERT(ub->magic == UB_EVENT_MAGIC);
    return (struct watch *)ub;
}

// An event may be changed only while it is not pending.
static void assign(struct watch *w) {
    (void)event_del(w->event);
    ASSERT(event_assign(w->event, w->base->libevent, w->fd, w->bits, w->run, w->arg) == 0);
}

static void add_bits(struct ub_event *ub, short bits) {
    struct watch *w = watch_of(ub);
    w->bits |= bits;
    assign(w);
}

static void del_bits(struct ub_event *ub, short bits) {
    struct watch *w = watch_of(ub);
    w->bits &= (short)~bits;
    assign(w);
}

static void set_fd(struct ub_event *ub, int fd) {
    struct watch *w = watch_of(ub);
    w->fd = fd;
    assign(w);
}

static void free_watch(struct ub_event *ub) {
    struct watch *w = watch_of(ub);
    event_free(w->event);
    free(w);
}

static int add(struct ub_event *ub, struct timeval *timeout) {
    return event_add(watch_of(ub)->event, timeout);
}

static int del(struct ub_event *ub) {
    return event_del(watch_of(ub)->event);
}

static int add_timer(struct ub_event *ub, struct ub_event_base *base, void (*run)(int, short, void *), void *arg,
                     struct timeval *timeout) {
    struct watch *w = watch_of(ub);
    ASSERT(base == &w->base->ub);
    w->fd = -1;
    w->bits = EV_TIMEOUT;
    w->run = run;
    w->arg = arg;
    assign(w);
    return event_add(w->event, timeout);
}

// Signals are the program's matter; libunbound asks for none in this mode.
static int add_signal(struct ub_event *ub, struct timeval *timeout) {
    return -1;
}
static int del_signal(struct ub_event *ub) {
    return -1;
}
static struct ub_event *new_signal(struct ub_event_base *base, int signal, void (*run)(int, short, void *), void *arg) {
    return NULL;
}

// The loop is run by its owner.
static void free_base(struct ub_event_base *base) {}
static int dispatch(struct ub_event_base *base) {
    return -1;
}
static int loopexit(struct ub_event_base *base, struct timeval *timeout) {
    return -1;
}

// Of another operating system.
static struct ub_event *register_wsaevent(struct ub_event_base *base, void *wsaevent, void (*run)(int, short, void *),
                                          void *arg) {
    return NULL;
}
static void unregister_wsaevent(struct ub_event *ub) {}
static void tcp_wouldblock(struct ub_event *ub, int bit) {}

static struct ub_event *new_event(struct ub_event_base *ub, int fd, short bits, void (*run)(int, short, void *),
                                  void *arg) {
    static struct ub_event_vmt vmt = {
        .add_bits = add_bits,
        .del_bits = del_bits,
        .set_fd = set_fd,
        .free = free_watch,
        .add = add,
        .del = del,
        .add_timer = add_timer,
        .del_timer = del,
        .add_signal = add_signal,
        .del_signal = del_signal,
        .winsock_unregister_wsaevent = unregister_wsaevent,
        .winsock_tcp_wouldblock = tcp_wouldblock,
    };
    struct watch *w = MEM_NEW(struct watch);
    w->ub.magic = UB_EVENT_MAGIC;
    w->ub.vmt = &vmt;
    w->base = (struct base *)ub;
    w->fd = fd;
    w->bits = bits;
    w->run = run;
    w->arg = arg;
    w->event = event_new(w->base->libevent, fd, bits, run, arg);
    ASSERT(w->event != NULL);
    return &w->ub;
}

struct ub_event_base *dns_events_new(struct loop *loop) {
    static struct ub_event_base_vmt vmt = {
        .free = free_base,
        .dispatch = dispatch,
        .loopexit = loopexit,
        .new_event = new_event,
        .new_signal = new_signal,
        .winsock_register_wsaevent = register_wsaevent,
    };
    struct base *b = MEM_NEW(struct base);
    b->ub.magic = UB_EVENT_MAGIC;
    b->ub.vmt = &vmt;
    b->libevent = loop_base(loop);
    return &b->ub;
}

void dns_events_free(struct ub_event_base *base) {
    free(base);
}
