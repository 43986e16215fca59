// SPDX-License-Identifier: MIT
// One queue under one lock; the jobs are long compared with it.
#include "net/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/rollcall.h"
#include "base/thread.h"

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_or_end;
    struct worker_job *first;
    struct worker_job **end;
    bool ending;
    atomic_size_t backlog;
    struct rollcall roll;
    char name[16]; // the length the kernel gives to a thread's name
    size_t n_threads;
    pthread_t threads[];
};

static struct worker_job *take(struct worker_pool *pool, uint32_t *seen) {
    ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    rollcall_answer(&pool->roll, seen);
    while (pool->first == NULL && !pool->ending) {
        ASSERT(pthread_cond_wait(&pool->work_or_end, &pool->lock) == 0);
        rollcall_answer(&pool->roll, seen);
    }
    struct worker_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->end = &pool->first;
        atomic_fetch_sub_explicit(&pool->backlog, 1, memory_order_relaxed);
    }
    ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
    return job;
}

static void complete(struct loop_task *task) {
    struct worker_job *job = CONTAINER_OF(task, struct worker_job, task);
    job->done(job);
}

static void *run(void *arg) {
    struct worker_pool *pool = arg;
    (void)pthread_setname_np(pthread_self(), pool->name);
    uint32_t seen = 0;
    struct worker_job *job;
    while ((job = take(pool, &seen)) != NULL) {
        job->work(job);
        job->task.run = complete;
        loop_post(job->loop, &job->task);
    }
    return NULL;
}

struct worker_pool *worker_pool_new(const char *name, size_t n_threads) {
    ASSERT(n_threads > 0);
    struct worker_pool *pool = mem_zalloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
    (void)snprintf(pool->name, sizeof(pool->name), "%s", name);
    ASSERT(pthread_mutex_init(&pool->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&pool->work_or_end, NULL) == 0);
    pool->end = &pool->first;
    pool->n_threads = n_threads;
    rollcall_init(&pool->roll, (uint32_t)n_threads);
    for (size_t i = 0; i < n_threads; i++) // signals are for the loops' threads
        thread_start_deaf(&pool->threads[i], 0, run, pool);
    return pool;
}

void worker_pool_free(struct worker_pool *pool) {
    if (pool == NULL)
        return;
    ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    pool->ending = true;
    ASSERT(pthread_cond_broadcast(&pool->work_or_end) == 0);
    ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
    for (size_t i = 0; i < pool->n_threads; i++)
        ASSERT(pthread_join(pool->threads[i], NULL) == 0);
    (void)pthread_cond_destroy(&pool->work_or_end);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void worker_pool_submit(struct worker_pool *pool, struct loop *loop, struct worker_job *job) {
    job->loop = loop;
    job->next = NULL;
    ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    ASSERT(!pool->ending);
    *pool->end = job;
    pool->end = &job->next;
    atomic_fetch_add_explicit(&pool->backlog, 1, memory_order_relaxed);
    ASSERT(pthread_cond_signal(&pool->work_or_end) == 0);
    ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
}

void worker_pool_call_roll(struct worker_pool *pool) {
    ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    rollcall_begin(&pool->roll);
    ASSERT(pthread_cond_broadcast(&pool->work_or_end) == 0);
    ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
}

bool worker_pool_all_answered(const struct worker_pool *pool) {
    return rollcall_is_complete(&pool->roll);
}

size_t worker_pool_backlog(const struct worker_pool *pool) {
    return atomic_load_explicit(&pool->backlog, memory_order_relaxed);
}
