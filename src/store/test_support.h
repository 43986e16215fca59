// SPDX-License-Identifier: MIT
// What the tests of the store share: a store in a directory of its own with one loop, and operations that are waited
// for. Include behind <cmocka.h>.
#pragma once

#include "store/account_ops.h"
#include "store/mailbox_ops.h"
#include "store/message_ops.h"

struct fixture {
    char dir[64];
    struct loop *loop;
    struct store *store;
    struct sqlite3 *holder; // of the database, see fixture_hold()
    // Changes that were announced, as text: "added 1:2,3 origin=4;" is mailbox 1 and UIDs 2 and 3.
    char changes[4096];
};

// A new directory and store; quota 10 MiB.
void fixture_init(struct fixture *f);
// Closes the store, expects that verify finds nothing, removes the directory.
void fixture_done(struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
// Takes the changes announced so far.
const char *fixture_changes(struct fixture *f);

// Runs verify on the closed store and returns its sentences, joined by newlines.
const char *fixture_verify(struct fixture *f, int *ret_n);
// Runs SQL on the database, as a tool would that damages it. The store is closed.
void fixture_sql(struct fixture *f, const char *sql);
// The first column of the first row; the store may be open.
int64_t fixture_number(struct fixture *f, const char *sql);
// Keeps the writer from beginning a commit until released, within seconds: what is submitted meanwhile is all there
// when it goes on.
void fixture_hold(struct fixture *f);
void fixture_release(struct fixture *f);
// Waits until no message of a deleted account or mailbox is left.
void fixture_wait_deleted(struct fixture *f);
// Waits until a child has written so many octets to a pipe, or is gone; they are left there. What a test asks a child
// to have done before it is killed must not be a question of how fast the machine is.
void wait_for_octets(int fd, size_t n);
// Files below bodies/.
unsigned fixture_files(struct fixture *f, char ret_path[256]);

// Submits and runs the loop until it is done; the operation is the caller's.
enum store_status run_op(struct fixture *f, struct store_op *op);
// The same, and frees it.
enum store_status run_and_free(struct fixture *f, struct store_op *op);

// `len` octets of a message: a short header, then a pattern that depends on `seed`.
char *make_message(size_t len, unsigned seed);
struct store_body *finish_body(struct fixture *f, const char *data, size_t len, enum store_status *ret_status);
struct store_body *make_body(struct fixture *f, const char *data, size_t len);

// Account `address` with password hash "x".
uint64_t make_account(struct fixture *f, const char *address, uint64_t *ret_inbox);
// Delivers `data` to one address under a dedup hash of its own; the outcome.
enum store_delivery_outcome deliver(struct fixture *f, const char *address, const char *data, size_t len,
                                    uint32_t *ret_uid);
uint32_t append(struct fixture *f, uint64_t account, const char *mailbox, const char *data, uint32_t flags,
                const char *keywords);
enum store_status edit(struct fixture *f, enum store_mailbox_edit_kind kind, uint64_t account, const char *name,
                       const char *new_name);
// "name uidnext/messages/unseen/deleted/octets", or the status.
const char *describe(struct fixture *f, uint64_t account, const char *mailbox);
uint64_t mailbox_id(struct fixture *f, uint64_t account, const char *mailbox);
uint32_t uid_validity(struct fixture *f, uint64_t account, const char *mailbox);
