// SPDX-License-Identifier: MIT
// What a backend is: plain synchronous code behind this table. The executor calls it, each connection from one thread
// at a time, and gives it the shape of a transaction; a backend never starts one of its own while it runs an operation.
#pragma once

#include <stdatomic.h>

#include "store/effects.h"
#include "store/op.h"

// What all connections of a store share.
struct backend_context {
    const char *dir;
    struct body_dir *bodies;
    _Atomic uint64_t mailbox_quota;
    atomic_bool push_enabled;
    uint64_t queue_dues, queue_per_sender, queue_octets; // bounds; the last may be 0: what is free
};

// A connection; the backend's own struct begins with it.
struct backend_conn {
    struct backend_context *context;
    struct effects effects; // of the group under way
};

enum backend_role { BACKEND_READER, BACKEND_WRITER, BACKEND_CHECKPOINTER };

typedef enum store_status backend_run(struct backend_conn *c, struct store_op *op);

struct store_backend {
    const char *name;
    backend_run *run[OP_KINDS];

    // Creates or migrates what is on the disk and removes what a crash left. False with a sentence.
    bool (*prepare)(struct backend_context *context, const char **ret_error);
    struct backend_conn *(*connect)(struct backend_context *context, enum backend_role role);
    void (*disconnect)(struct backend_conn *c); // NULL is accepted

    // Around each read: one consistent view.
    enum store_status (*read_begin)(struct backend_conn *c);
    void (*read_end)(struct backend_conn *c);

    // A group of writes. After a failed commit nothing of it is there.
    enum store_status (*group_begin)(struct backend_conn *c);
    enum store_status (*group_commit)(struct backend_conn *c);
    void (*group_rollback)(struct backend_conn *c);
    // One operation among several in a group. op_rollback: false when the whole group is lost.
    enum store_status (*op_begin)(struct backend_conn *c);
    enum store_status (*op_release)(struct backend_conn *c);
    bool (*op_rollback)(struct backend_conn *c);

    // After a commit, on the writer: should a checkpoint run beside it?
    bool (*wants_checkpoint)(struct backend_conn *writer);
    void (*checkpoint)(struct backend_conn *checkpointer);
    // On the writer: a small piece of housekeeping in a transaction of its own. `idle`: nothing else is waiting. True
    // when there is more to do.
    bool (*tidy)(struct backend_conn *writer, bool idle);
    // On the writer, in a group of its own: a piece of what operations with `has_rest` left behind, and a crash.
    // STORE_NOT_FOUND: nothing was left. *ret_more: there is more of it.
    enum store_status (*run_rest)(struct backend_conn *writer, bool *ret_more);
    // The last thing the writer does.
    void (*finish)(struct backend_conn *writer);

    // As store_verify(), on a directory that is locked.
    int (*verify)(struct backend_context *context, void (*on_problem)(void *arg, const char *sentence), void *arg,
                  const char **ret_error);
};

extern const struct store_backend sqlite_backend;
