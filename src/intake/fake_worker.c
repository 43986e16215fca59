// SPDX-License-Identifier: MIT
#include "intake/fake_worker.h"

static void run(struct loop_task *task) {
    struct worker_job *job = CONTAINER_OF(task, struct worker_job, task);
    job->work(job);
    job->done(job);
}

void worker_pool_submit(struct worker_pool *pool, struct loop *loop, struct worker_job *job) {
    job->loop = loop;
    job->task.run = run;
    pool->n_jobs++;
    if (pool->is_held) {
        job->next = pool->held;
        pool->held = job;
    } else {
        loop_post(loop, &job->task);
    }
}

void fake_worker_release(struct worker_pool *pool) {
    while (pool->held != NULL) {
        struct worker_job *job = pool->held;
        pool->held = job->next;
        loop_post(job->loop, &job->task);
    }
}
