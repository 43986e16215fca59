// SPDX-License-Identifier: MIT
// A loop is a libevent base without locks, for it is used by one thread; what crosses threads is a stack of posted
// tasks (many push, the loop takes all at once and reverses) and an eventfd that is written only when the stack was
// empty.
//
// A turn is one pass of libevent over what is ready, then the deferred tasks. A task deferred by a deferred task waits
// for the end of the next turn, which then does not sleep: so a chain of deferrals cannot starve the sockets.
#include "net/loop.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop_internal.h"

struct loop {
    struct event_base *base;
    struct event *wake_event;
    int wake_fd;
    atomic_bool stop;
    atomic_bool running;
    _Atomic(struct loop_task *) posted; // newest first
    struct loop_task *deferred;         // oldest first
    struct loop_task **deferred_end;
    struct loop_net net;
};

// The loop that this thread is running.
static _Thread_local struct loop *current;

// Writing to a peer that is gone must be an error, never a signal.
static void ignore_sigpipe(void) {
    (void)signal(SIGPIPE, SIG_IGN);
}

static bool run_posted(struct loop *loop) {
    struct loop_task *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    struct loop_task *oldest = NULL;
    while (newest != NULL) {
        struct loop_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    bool any = oldest != NULL;
    while (oldest != NULL) {
        struct loop_task *task = oldest;
        oldest = task->next; // running may free the task, or post it again
        task->next = NULL;
        task->run(task);
    }
    return any;
}

static bool run_deferred(struct loop *loop) {
    struct loop_task *task = loop->deferred;
    loop->deferred = NULL;
    loop->deferred_end = &loop->deferred;
    bool any = task != NULL;
    while (task != NULL) {
        struct loop_task *next = task->next;
        task->next = NULL;
        task->run(task);
        task = next;
    }
    return any;
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    uint64_t count;
    // Before the tasks are taken: who posts after that finds the stack empty and wakes again.
    ssize_t n = read(fd, &count, sizeof(count));
    (void)n;
    (void)run_posted(arg);
}

static void wake(struct loop *loop) {
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one)); // can only fail when it is already readable
    (void)n;
}

struct loop *loop_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, ignore_sigpipe);
    struct loop *loop = MEM_NEW(struct loop);
    struct event_config *config = event_config_new();
    ASSERT(config != NULL);
    ASSERT(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    ASSERT(loop->base != NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(loop->wake_fd >= 0);
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    ASSERT(loop->wake_event != NULL && event_add(loop->wake_event, NULL) == 0);
    loop->deferred_end = &loop->deferred;
    list_init(&loop->net.conns);
    return loop;
}

static void run_remaining(struct loop *loop) {
    while (run_posted(loop) || run_deferred(loop)) {
    }
}

void loop_free(struct loop *loop) {
    if (loop == NULL)
        return;
    ASSERT(!atomic_load(&loop->running));
    struct loop *before = current;
    current = loop;
    run_remaining(loop);
    if (loop->net.end_all != NULL)
        loop->net.end_all(loop);
    run_remaining(loop);
    current = before;
    event_free(loop->wake_event);
    event_base_free(loop->base);
    (void)close(loop->wake_fd);
    free(loop->net.scratch);
    udp_batches_free(loop->net.udp);
    free(loop);
}

// One turn. Sleeps until something is ready only if `wait` and nothing is due already.
static bool turn(struct loop *loop, bool wait) {
    int flags = EVLOOP_ONCE;
    if (!wait || loop->deferred != NULL)
        flags |= EVLOOP_NONBLOCK;
    ASSERT(event_base_loop(loop->base, flags) >= 0);
    return run_deferred(loop);
}

void loop_run(struct loop *loop) {
    ASSERT(current == NULL && !atomic_exchange(&loop->running, true));
    current = loop;
    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed))
        (void)turn(loop, true);
    atomic_store(&loop->stop, false);
    current = NULL;
    atomic_store(&loop->running, false);
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stop, true);
    wake(loop);
}

void loop_run_ready(struct loop *loop) {
    ASSERT(!atomic_load(&loop->running));
    struct loop *before = current;
    current = loop;
    bool any;
    do {
        (void)event_base_get_max_events(loop->base, EVENT_BASE_COUNT_ACTIVE, 1);
        any = turn(loop, false);
        if (event_base_get_max_events(loop->base, EVENT_BASE_COUNT_ACTIVE, 1) > 0)
            any = true;
    } while (any || loop->deferred != NULL);
    current = before;
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

bool loop_is_current(const struct loop *loop) {
    return current == loop;
}

struct loop_net *loop_net(struct loop *loop) {
    return &loop->net;
}

void loop_post(struct loop *loop, struct loop_task *task) {
    struct loop_task *head = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        task->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&loop->posted, &head, task, memory_order_release, memory_order_relaxed));
    if (head == NULL)
        wake(loop);
}

void loop_defer(struct loop *loop, struct loop_task *task) {
    ASSERT(current == loop || !atomic_load_explicit(&loop->running, memory_order_relaxed));
    task->next = NULL;
    *loop->deferred_end = task;
    loop->deferred_end = &task->next;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct loop_timer *timer = arg;
    timer->fire(timer);
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fire)(struct loop_timer *timer)) {
    *timer = (struct loop_timer){.loop = loop, .fire = fire};
}

void loop_timer_start(struct loop_timer *timer, uint64_t ms) {
    if (timer->event == NULL) {
        timer->event = event_new(timer->loop->base, -1, EV_TIMEOUT, on_timer, timer);
        ASSERT(timer->event != NULL);
    }
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    ASSERT(event_add(timer->event, &tv) == 0);
}

void loop_timer_stop(struct loop_timer *timer) {
    if (timer->event != NULL)
        (void)event_del(timer->event);
}

void loop_timer_done(struct loop_timer *timer) {
    if (timer->event != NULL)
        event_free(timer->event);
    timer->event = NULL;
}
