// SPDX-License-Identifier: MIT
// The one way in. A door (submission now; port 25 and /mxdeliv later) makes a transaction, names recipients, streams
// the octets and asks for the verdict; policy, header rewriting, local delivery, bounces and the durable commit are
// here. 250 means durable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"

struct account_service;
struct config_holder;
struct intake;
struct intake_txn;
struct store;

struct intake *intake_new(struct config_holder *config, struct store *store, struct account_service *accounts);
void intake_free(struct intake *in);

// Who submits: what the session knows after authentication.
struct intake_sender {
    uint64_t account_id;
    struct slice login; // normalised address
    bool blocked;
};

enum { INTAKE_RECIPIENTS_MAX = 1000, INTAKE_REPLY_MAX = 1024 };

// An SMTP reply as one line, "523 Encryption Needed: Invalid Unencrypted Mail", without CRLF.
struct intake_reply {
    char text[INTAKE_REPLY_MAX];
};

// Begins a submission (MAIL FROM). Slices are copied. The mail_from is checked at RCPT, not here: clients look for the
// refusal in the result of each recipient.
struct intake_txn *intake_txn_new(struct intake *in, struct loop *loop, const struct intake_sender *sender,
                                  struct slice mail_from);
// Aborts (or ends) and frees at any time: nothing of an uncommitted transaction stays anywhere.
void intake_txn_free(struct intake_txn *t);

// RCPT TO: in this order, the sender is the login, it holds exactly one "@", its rate allows one more message, the
// recipient is an address, there are not too many of them. Returns true when accepted; the reply is set either way. An
// unknown or remote recipient is accepted (a bounce tells the sender).
MUST_USE bool intake_txn_rcpt(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply);
size_t intake_txn_n_rcpts(const struct intake_txn *t);

// Octets of the message, dot-stuffing undone. False: taken, but pause until on_ready(arg) is called (on the loop, in a
// later turn). Octets over the size limit are counted and dropped.
bool intake_txn_write(struct intake_txn *t, struct slice octets);
void intake_txn_set_on_ready(struct intake_txn *t, void (*on_ready)(void *arg), void *arg);
// The DATA stream held a bare CR or LF: the verdict will be "500 Invalid DATA".
void intake_txn_mark_bad_data(struct intake_txn *t);

// End of DATA, at least one recipient was accepted: verdict, commit, bounce. on_done on the loop, in a later turn,
// exactly once unless the transaction is freed before; then the caller frees the transaction.
void intake_txn_finish(struct intake_txn *t, void (*on_done)(void *arg, const struct intake_reply *reply), void *arg);
