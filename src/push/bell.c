// SPDX-License-Identifier: MIT
#include "push/bell.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "net/loop.h"

struct bell {
    struct loop *loop;
    struct loop_task task;
    atomic_bool reasons[BELL_REASONS];
    atomic_bool is_posted;
    bool is_free; // loop thread
    void (*on_rung)(void *arg, enum bell_reason reason);
    void *arg;
};

static void run(struct loop_task *task) {
    struct bell *b = CONTAINER_OF(task, struct bell, task);
    if (b->is_free) {
        free(b);
        return;
    }
    atomic_store(&b->is_posted, false); // what is rung from here on posts anew
    for (int i = 0; i < BELL_REASONS; i++)
        if (atomic_exchange(&b->reasons[i], false))
            b->on_rung(b->arg, (enum bell_reason)i);
}

struct bell *bell_new(struct loop *loop, void (*on_rung)(void *arg, enum bell_reason reason), void *arg) {
    struct bell *b = MEM_NEW(struct bell);
    b->loop = loop;
    b->task.run = run;
    b->on_rung = on_rung;
    b->arg = arg;
    return b;
}

void bell_free(struct bell *b) {
    if (b == NULL)
        return;
    b->is_free = true;
    if (!atomic_load(&b->is_posted))
        free(b);
}

void bell_ring(struct bell *b, enum bell_reason reason) {
    atomic_store(&b->reasons[reason], true);
    if (!atomic_exchange(&b->is_posted, true))
        loop_post(b->loop, &b->task);
}
