// SPDX-License-Identifier: MIT
#include "store/op_queue.h"

#include <errno.h>
#include <time.h>

// Of the calling thread, for the one queue that it takes from.
static _Thread_local uint32_t seen;

void op_queue_init(struct op_queue *q, uint32_t n_takers) {
    pthread_condattr_t attr;
    ASSERT(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_mutex_init(&q->lock, NULL) == 0 && pthread_cond_init(&q->wake, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    q->head = NULL;
    q->tail_link = &q->head;
    q->closed = false;
    rollcall_init(&q->roll, n_takers);
}

void op_queue_done(struct op_queue *q) {
    ASSERT(q->head == NULL);
    (void)pthread_cond_destroy(&q->wake);
    (void)pthread_mutex_destroy(&q->lock);
}

static void lock(struct op_queue *q) {
    ASSERT(pthread_mutex_lock(&q->lock) == 0);
}
static void unlock(struct op_queue *q) {
    ASSERT(pthread_mutex_unlock(&q->lock) == 0);
}

bool op_queue_push(struct op_queue *q, struct store_op *op) {
    lock(q);
    bool ok = !q->closed;
    if (ok) {
        op->next = NULL;
        *q->tail_link = op;
        q->tail_link = &op->next;
        ASSERT(pthread_cond_signal(&q->wake) == 0);
    }
    unlock(q);
    return ok;
}

void op_queue_close(struct op_queue *q) {
    lock(q);
    q->closed = true;
    ASSERT(pthread_cond_broadcast(&q->wake) == 0);
    unlock(q);
}

void op_queue_call_roll(struct op_queue *q) {
    lock(q);
    rollcall_begin(&q->roll);
    ASSERT(pthread_cond_broadcast(&q->wake) == 0);
    unlock(q);
}

bool op_queue_all_answered(const struct op_queue *q) {
    return rollcall_is_complete(&q->roll);
}

static struct store_op *take_locked(struct op_queue *q, size_t max) {
    struct store_op *first = q->head;
    struct store_op **link = &q->head;
    for (size_t n = 0; n < max && *link != NULL; n++)
        link = &(*link)->next;
    q->head = *link;
    *link = NULL;
    if (q->head == NULL)
        q->tail_link = &q->head;
    return first;
}

struct store_op *op_queue_take(struct op_queue *q, size_t max) {
    lock(q);
    rollcall_answer(&q->roll, &seen);
    while (q->head == NULL && !q->closed) {
        ASSERT(pthread_cond_wait(&q->wake, &q->lock) == 0);
        rollcall_answer(&q->roll, &seen);
    }
    struct store_op *ops = take_locked(q, max);
    unlock(q);
    return ops;
}

struct store_op *op_queue_take_timed(struct op_queue *q, size_t max, uint64_t timeout_ms, bool *ret_closed) {
    struct timespec until;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    lock(q);
    rollcall_answer(&q->roll, &seen);
    int rc = 0;
    while (q->head == NULL && !q->closed && rc == 0) {
        rc = pthread_cond_timedwait(&q->wake, &q->lock, &until);
        ASSERT(rc == 0 || rc == ETIMEDOUT);
        rollcall_answer(&q->roll, &seen);
    }
    struct store_op *ops = take_locked(q, max);
    *ret_closed = q->closed && ops == NULL;
    unlock(q);
    return ops;
}
