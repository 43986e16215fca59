// SPDX-License-Identifier: MIT
// The threads of a store: a few that read, one that writes in groups, two for body files and checkpoints. Operations
// come from any thread and complete on the loop they came from. Private to the store.
#pragma once

#include "store/backend.h"

struct executor;

// With its connections, at rest. NULL with a sentence when a connection could not be made.
MUST_USE struct executor *executor_new(struct store *s, const struct store_backend *backend,
                                       struct backend_context *context, uint32_t n_readers, const char **ret_error);
// Starts the threads. The store has to know its executor by then: the writer goes on at once with what an earlier
// process left undone, and submits operations of its own.
void executor_start(struct executor *e);
// Before the first operation.
void executor_set_on_change(struct executor *e, store_on_change *on_change, void *arg);
void executor_set_on_queue(struct executor *e, store_on_queue *on_queue, void *arg);
void executor_set_on_push(struct executor *e, store_on_push *on_push, void *arg);

// Any thread. After executor_stop() the operation completes with STORE_FAILED, and a BULK one without a loop runs at
// once.
void executor_submit(struct executor *e, struct store_op *op);
// As store_call_roll() and store_who_is_silent().
void executor_call_roll(struct executor *e);
const char *executor_who_is_silent(const struct executor *e);
// Runs what was submitted, joins the threads, closes the connections.
void executor_stop(struct executor *e);
// After executor_stop(), when nobody submits any more.
void executor_free(struct executor *e);

// How long the group that is being written has been under way; 0: none is. Any thread.
uint64_t executor_writer_busy_ms(struct executor *e);

void executor_test_fail_next_commit(struct executor *e, enum store_status status);
void executor_test_doubt_next_commit(struct executor *e);
uint64_t executor_test_commits(struct executor *e);
void executor_test_set_tidying(struct executor *e, uint64_t idle_ms, uint64_t busy_tidy_ms);
