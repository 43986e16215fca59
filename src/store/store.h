// SPDX-License-Identifier: MIT
// The store: accounts, mailboxes, messages. This header is the life of an operation; the operations themselves stand in
// store/account_ops.h, store/mailbox_ops.h, store/message_ops.h, store/queue_ops.h, store/push_ops.h and store/body.h.
//
// An operation is a request struct that begins with `struct store_op`. A loop fills it in and submits it; a backend
// runs it synchronously on an executor thread; it completes on the loop it came from. Reads run side by side on a few
// threads. Writes run on one thread in groups: each in a savepoint of one transaction, synced once; when the commit
// fails, all of them failed. When a write completes with STORE_OK it is durable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"

struct store;
struct store_op;

enum store_status {
    STORE_OK,
    STORE_NOT_FOUND, // the account, mailbox or message is not there
    STORE_EXISTS,    // the name is taken
    STORE_QUOTA,     // the mailbox would be over its quota
    STORE_TOO_MANY,  // messages to be changed at once: mail of others would wait meanwhile; nothing was changed
    STORE_FULL,      // the disk or the queue is full; nothing was changed
    STORE_BACKLOG,   // too much of this sender waits in the queue; nothing was changed
    STORE_INVALID,   // the operation makes no sense (deleting INBOX, a body that was aborted, ...)
    STORE_FAILED,    // the backend failed; logged there, nothing was changed
};

// How and where an operation runs; one static instance per kind of operation.
enum store_op_mode { STORE_OP_READ, STORE_OP_WRITE, STORE_OP_BULK /* body files: neither reader nor writer waits */ };
struct store_op_type;

struct store_op {
    const struct store_op_type *type;
    struct store_op *next;
    struct loop_task task;
    struct loop *loop;
    struct store *store;
    // Called on the loop exactly once, unless cancelled; owns the operation from then on and frees it
    // (store_op_free()).
    void (*done)(struct store_op *op);
    void *arg;       // the submitter's
    bool cancelled;  // loop thread only
    bool unfinished; // the backend's: a piece of it was done, and it runs again when others had their turn
    bool has_rest;   // the backend's: it is done, but what it leaves behind is work for the writer
    enum store_status status;
};

// Every store_*_new() below returns a zeroed operation from the heap with its type set; fill it in, then submit. Input
// slices are copied by the setters named there, so they need not outlive the call.
void store_op_submit(struct store *s, struct loop *loop, struct store_op *op, void (*done)(struct store_op *),
                     void *arg);
// The submitter dies or has lost interest: done() will not be called; the operation still runs and is freed afterwards.
void store_op_cancel(struct store_op *op);
// Frees the operation and everything it returned. NULL is accepted.
void store_op_free(struct store_op *op);

// ---- opening ----

struct store_settings {
    const char *dir;        // state directory; the database and the body files stand in it
    uint64_t mailbox_quota; // octets per account
    uint32_t n_readers;     // executor threads for reads
    // Bounds of the queue; 0: the ones in store/queue_ops.h.
    uint64_t queue_dues;       // due rows
    uint64_t queue_per_sender; // waiting recipients of one account
    uint64_t queue_octets;     // of letters; 0: no more than are free on the disk beside them
};

// What happened to a mailbox, told after the commit, on the writer's thread, in order of commit (and of UID within a
// mailbox).
enum store_change_kind {
    STORE_CHANGE_ADDED,    // uids: one or more new messages
    STORE_CHANGE_EXPUNGED, // uids: gone
    STORE_CHANGE_FLAGS,    // uids: flags or keywords differ now
    STORE_CHANGE_DELETED,  // the whole mailbox is gone; uids is empty
};
struct store_change {
    enum store_change_kind kind;
    uint64_t account_id;
    uint64_t mailbox_id;
    uint64_t origin;   // what the operation had in its `origin` field; 0 for deliveries
    uint64_t since_us; // of a delivery: as store_deliver says it; 0: unknown
    const uint32_t *uids;
    size_t n_uids;
};
typedef void store_on_change(void *arg, const struct store_change *change);

// Opens or creates the store, migrating an older schema. NULL with a static or thread-local sentence in ret_error when
// the directory cannot be used, another process has it open, or the file is newer than this program (refused, not
// damaged).
MUST_USE struct store *store_open(const struct store_settings *settings, const char **ret_error);
// Before the first operation is submitted.
void store_set_on_change(struct store *s, store_on_change *on_change, void *arg);
void store_set_mailbox_quota(struct store *s, uint64_t quota);
// How long the writes that are being committed have been under way, in milliseconds: every other waits for them. Any
// thread.
uint64_t store_writer_busy_ms(struct store *s);
// Of a file system of this size: below this much free space new messages are refused (STORE_FULL).
uint64_t store_disk_floor(uint64_t total_octets);
// Runs what was submitted, closes cleanly (checkpoint), joins the threads. Completions may still be posted to loops.
void store_close(struct store *s);

// Asks every thread of the store for a sign of life, which it gives when it comes for its next operation or waits for
// one. By one thread alone; without effect while an answer is owed.
void store_call_roll(struct store *s);
// The kind of thread that owes one, for the log; NULL: all have answered.
const char *store_who_is_silent(const struct store *s);

// `martlet verify`: checks a state directory that no relay has open: database integrity, counters, references, each
// body decrypts, no stray body file. Calls on_problem with a sentence each. Returns the number of problems, or -1 with
// ret_error set.
int store_verify(const char *dir, void (*on_problem)(void *arg, const char *sentence), void *arg,
                 const char **ret_error);
