// SPDX-License-Identifier: MIT
// A small pool of threads for work that must not run on a loop: password hashing, signatures, blocking file work. A job
// runs on a pool thread and completes on the loop it came from.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/loop.h"

struct worker_pool;

struct worker_job {
    struct worker_job *next;
    struct loop_task task;
    struct loop *loop;
    // On a pool thread. May touch the job's own struct and immutable things only.
    void (*work)(struct worker_job *job);
    // On the loop, afterwards. Exactly once for each submitted job; owns the job from then on.
    void (*done)(struct worker_job *job);
};

struct worker_pool *worker_pool_new(const char *name, size_t n_threads);
// Finishes what is queued (completions are posted), joins the threads, frees.
void worker_pool_free(struct worker_pool *pool);
void worker_pool_submit(struct worker_pool *pool, struct loop *loop, struct worker_job *job);
// Asks every thread for a sign of life, which it gives when it comes for its next job or waits for one. By one thread
// alone; without effect while an answer is owed.
void worker_pool_call_roll(struct worker_pool *pool);
bool worker_pool_all_answered(const struct worker_pool *pool);
// Jobs submitted and not yet begun; callers refuse new work when it grows too long.
size_t worker_pool_backlog(const struct worker_pool *pool);
