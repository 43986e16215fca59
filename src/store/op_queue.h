// SPDX-License-Identifier: MIT
// A queue of operations between the threads that submit and those that run them. Private to the store.
#pragma once

#include <pthread.h>

#include "base/rollcall.h"
#include "store/store.h"

struct op_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store_op *head;
    struct store_op **tail_link;
    bool closed;
    struct rollcall roll; // of the threads that take
};

// `n_takers` threads will take from it, and from no other.
void op_queue_init(struct op_queue *q, uint32_t n_takers);
void op_queue_done(struct op_queue *q);

// False when the queue is closed; the operation stays the caller's.
MUST_USE bool op_queue_push(struct op_queue *q, struct store_op *op);
// No more are taken; those that wait are still handed out.
void op_queue_close(struct op_queue *q);

// Asks every thread that takes for a sign of life: it answers when it comes for work or waits for it. That it was woken
// by this alone is not seen by who waits with a timeout.
void op_queue_call_roll(struct op_queue *q);
bool op_queue_all_answered(const struct op_queue *q);

// Waits for at least one operation and takes up to `max` in order, linked by their next. NULL: closed and empty.
struct store_op *op_queue_take(struct op_queue *q, size_t max);
// The same, but waits no longer than `timeout_ms`; NULL with ret_closed false then.
struct store_op *op_queue_take_timed(struct op_queue *q, size_t max, uint64_t timeout_ms, bool *ret_closed);
