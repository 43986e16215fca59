// SPDX-License-Identifier: MIT
// A pool of workers for tests, without threads: jobs run by a posted task, or when the test lets go of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/worker.h"

struct worker_pool {
    bool is_held; // jobs wait for fake_worker_release()
    struct worker_job *held;
    size_t n_jobs;
};

void fake_worker_release(struct worker_pool *pool);
