// SPDX-License-Identifier: MIT
// What stands behind a store_op: its type, and how one is made. Private to the store.
#pragma once

#include "store/store.h"

// Operations that a backend runs; the index of its table of functions.
enum store_op_kind {
    OP_ACCOUNT_FIND,
    OP_ACCOUNT_CREATE,
    OP_ACCOUNT_TOUCH,
    OP_ACCOUNT_SHOW,
    OP_ACCOUNT_LIST,
    OP_ACCOUNT_BLOCK,
    OP_ACCOUNT_DELETE,
    OP_QUOTA,
    OP_TOKEN_ADD,
    OP_TOKEN_LIST,
    OP_INVITATION_ADD,
    OP_INVITATION_FIND,
    OP_INVITATION_LIST,
    OP_INVITATION_DELETE,
    OP_SECRET,
    OP_MAILBOX_LIST,
    OP_MAILBOX_OPEN,
    OP_MAILBOX_EDIT,
    OP_DELIVER,
    OP_APPEND,
    OP_FETCH,
    OP_BODY_READ,
    OP_FLAGS,
    OP_EXPUNGE,
    OP_COPY,
    OP_QUEUE_DESTINATIONS,
    OP_QUEUE_LOAD,
    OP_QUEUE_EXPIRED,
    OP_QUEUE_SETTLE,
    OP_QUEUE_DEFER,
    OP_QUEUE_ALIVE,
    OP_QUEUE_TOTAL,
    OP_QUEUE_LIST,
    OP_QUEUE_SHOW,
    OP_QUEUE_FIND,
    OP_QUEUE_RETRY,
    OP_STS_FIND,
    OP_STS_KEEP,
    OP_STS_FORGET,
    OP_PUSH_LOAD,
    OP_PUSH_SETTLE,
    OP_PUSH_TOTAL,
    OP_OVERVIEW,
    OP_EXPIRY_FIND,
    OP_EXPIRY_REMOVE,
    OP_EXPIRY_SHOWN,
    OP_EXPIRY_CLOCK,
    OP_EXPIRY_CLOCK_KEEP,
    OP_EXPIRY_MEND,
    OP_KINDS,
};

struct store_op_type {
    const char *name; // for the log
    size_t size;      // of the request struct
    enum store_op_mode mode;
    enum store_op_kind kind;                            // READ and WRITE: which function of the backend
    enum store_status (*run_bulk)(struct store_op *op); // BULK: the function itself; it has no connection
    void (*free_fields)(struct store_op *op);           // what the struct owns; NULL when nothing
};

// A zeroed operation of this type.
void *op_new(const struct store_op_type *type);

// Copies of what a caller hands in. An overlong slice or one with a NUL inside, which no C string can hold, becomes "":
// no account, mailbox or token has that name.
char *op_copy(struct slice s, size_t max);
void op_copy_into(struct slice s, char *ret, size_t size);
