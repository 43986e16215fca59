// SPDX-License-Identifier: MIT
// The threads of a store: a few that read, one that writes in groups, two for body files and checkpoints. Operations
// come from any thread and complete on the loop they came from. Private to the store.
#pragma once

#include "store/backend.h"

struct executor;

// Starts the threads. NULL with a sentence when a connection could not be made.
MUST_USE struct executor *executor_start(struct store *s, const struct store_backend *backend,
                                         struct backend_context *context, uint32_t n_readers, const char **ret_error);
// Before the first operation.
void executor_set_on_change(struct executor *e, store_on_change *on_change, void *arg);
void executor_set_on_queue(struct executor *e, store_on_queue *on_queue, void *arg);
void executor_set_on_push(struct executor *e, store_on_push *on_push, void *arg);

// Any thread. After executor_stop() the operation completes with STORE_FAILED, and a BULK one without a loop runs at
// once.
void executor_submit(struct executor *e, struct store_op *op);
// Runs what was submitted, joins the threads, closes the connections.
void executor_stop(struct executor *e);
// After executor_stop(), when nobody submits any more.
void executor_free(struct executor *e);

void executor_test_fail_next_commit(struct executor *e, enum store_status status);
void executor_test_doubt_next_commit(struct executor *e);
uint64_t executor_test_commits(struct executor *e);
