// SPDX-License-Identifier: MIT
#include "martlet/host/crew.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"

struct hand {
    pthread_t thread;
    struct loop *loop;
    char name[16];
};

struct crew {
    size_t n;
    struct loop **loops; // of the hands, as others want them
    struct hand *hands;
    bool running;
};

size_t crew_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (size_t)n : 1;
}

struct crew *crew_new(const char *name, size_t n) {
    struct crew *c = MEM_NEW(struct crew);
    c->n = n > 0 ? n : crew_cores();
    c->loops = mem_zalloc(c->n, sizeof(void *));
    c->hands = mem_zalloc(c->n, sizeof(*c->hands));
    for (size_t i = 0; i < c->n; i++) {
        c->loops[i] = c->hands[i].loop = loop_new();
        (void)snprintf(c->hands[i].name, sizeof(c->hands[i].name), "%.10s-%u", name, (unsigned)i);
    }
    return c;
}

size_t crew_size(const struct crew *c) {
    return c->n;
}

struct loop *const *crew_loops(const struct crew *c) {
    return c->loops;
}

const char *crew_name(const struct crew *c, size_t i) {
    return c->hands[i].name;
}

static void *run_loop(void *arg) {
    struct hand *hand = arg;
    // A thread names itself: naming another opens a file, which the sandbox does not allow.
    (void)pthread_setname_np(pthread_self(), hand->name);
    loop_run(hand->loop);
    return NULL;
}

static void do_nothing(void *arg, struct loop *loop, size_t index) {}

void crew_start(struct crew *c) {
    for (size_t i = 0; i < c->n; i++)
        thread_start(&c->hands[i].thread, 0, run_loop, &c->hands[i]);
    c->running = true;
    crew_call(c, do_nothing, NULL);
}

struct call {
    struct loop_task task;
    struct loop *loop;
    size_t index;
    void (*fn)(void *arg, struct loop *loop, size_t index);
    void *arg;
    sem_t *done;
};

static void run_call(struct loop_task *task) {
    struct call *call = CONTAINER_OF(task, struct call, task);
    call->fn(call->arg, call->loop, call->index);
    ASSERT(sem_post(call->done) == 0);
}

void crew_call(struct crew *c, void (*fn)(void *arg, struct loop *loop, size_t index), void *arg) {
    ASSERT(c->running);
    sem_t done;
    ASSERT(sem_init(&done, 0, 0) == 0);
    struct call *calls = mem_zalloc(c->n, sizeof(*calls));
    for (size_t i = 0; i < c->n; i++) {
        calls[i] = (struct call){{NULL, run_call}, c->loops[i], i, fn, arg, &done};
        loop_post(c->loops[i], &calls[i].task);
    }
    for (size_t i = 0; i < c->n; i++)
        while (sem_wait(&done) != 0) // a signal may interrupt it
            ;
    free(calls);
    (void)sem_destroy(&done);
}

void crew_stop(struct crew *c) {
    if (!c->running)
        return;
    for (size_t i = 0; i < c->n; i++)
        loop_stop(c->loops[i]);
    for (size_t i = 0; i < c->n; i++)
        ASSERT(pthread_join(c->hands[i].thread, NULL) == 0);
    c->running = false;
}

void crew_free(struct crew *c) {
    for (size_t i = 0; i < c->n; i++)
        loop_free(c->loops[i]);
    free(c->loops);
    free(c->hands);
    free(c);
}
