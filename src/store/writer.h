// SPDX-License-Identifier: MIT
// The writer: one thread that takes every write that waits, runs each in a savepoint of one transaction, syncs once,
// announces what changed and then completes them. When the commit fails, all of them failed. Between the groups it
// works off what operations left behind, piece by piece. Private to the store.
#pragma once

#include <stdatomic.h>

#include "store/backend.h"
#include "store/op_queue.h"

// For tests: the commit is made and fails all the same, as when the crash comes before the next one.
enum { WRITER_FAULT_IN_DOUBT = -1 };

enum {
    WRITER_IDLE_MS = 2000,           // after this long without a write the writer tidies
    WRITER_BUSY_TIDY_MS = 30 * 1000, // one that is never idle tidies this often
};

struct writer {
    struct store *store;
    const struct store_backend *backend;
    struct backend_conn *conn;
    struct op_queue *queue;
    store_on_change *on_change;
    void *on_change_arg;
    store_on_queue *on_queue;
    void *on_queue_arg;
    store_on_push *on_push;
    void *on_push_arg;
    void (*start_checkpoint)(void *arg); // asks for one beside the writer
    void *arg;
    uint64_t tidied_ms;
    bool has_rest;          // an operation, or a crash before the start, may have left something to do
    uint64_t rest_after_ms; // not before that
    bool left_untidy;       // there was more to tidy, or a reader was in the log
    _Atomic uint64_t commits;
    _Atomic uint64_t group_since_ms; // when the group that is under way was taken; 0: none is
    _Atomic int fail_commit;         // a store_status or WRITER_FAULT_IN_DOUBT; for tests
    // The two times above, or what a test has in their place.
    _Atomic uint64_t idle_ms, busy_tidy_ms;
};

// The thread's function: returns when the queue is closed and empty.
void writer_run(struct writer *w);
