// SPDX-License-Identifier: MIT
// The one way in. A door (submission, port 25, /mxdeliv) makes a transaction, names recipients, streams the octets and
// asks for the verdict; policy, DKIM, header rewriting, local delivery, the queue's entries, bounces and the durable
// commit are here. 250 means durable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"

struct account_service;
struct config_holder;
struct dkim_signer;
struct dns_resolver;
struct intake;
struct intake_txn;
struct store;
struct worker_pool;

// What intake stands on; all outlive it. Without signers there may be no `crypt`. Without `dns` signed mail from
// outside is put off ("451 4.7.5").
struct intake_settings {
    struct config_holder *config;
    struct store *store;
    struct account_service *accounts;
    struct worker_pool *crypt; // signs
    struct dns_resolver *dns;  // for the keys of others
};
struct intake *intake_new(const struct intake_settings *s);
void intake_free(struct intake *in);
// The keys that sign from now on, copied with a reference to each; n 0: nothing is signed (a relay on an IP literal).
// Any thread.
void intake_set_signers(struct intake *in, const struct dkim_signer *signers, size_t n);

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

// Whether nothing new is taken at the moment (base/pressure.h): the reply for who comes with a message, before any of
// it is read. NULL: go on.
const char *intake_overloaded(void);

// Begins a submission (MAIL FROM). Slices are copied. The mail_from is checked at RCPT, not here: clients look for the
// refusal in the result of each recipient.
struct intake_txn *intake_txn_new(struct intake *in, struct loop *loop, const struct intake_sender *sender,
                                  struct slice mail_from);
// Aborts (or ends) and frees at any time: nothing of an uncommitted transaction stays anywhere.
void intake_txn_free(struct intake_txn *t);

// Begins a transaction with mail from outside: from another server on port 25, or by POST /mxdeliv. `mail_from` is
// bare, empty for <>. It is never refused for what it says; when it differs from the From header it counts as <>.
struct intake_txn *intake_txn_new_inbound(struct intake *in, struct loop *loop, struct slice mail_from);

// RCPT TO. Of a submission, in this order: the sender is the login, it holds exactly one "@", its rate allows one more
// message, the recipient is an address, there are not too many of them. Of mail from outside: the recipient is an
// address, of our domain ("554 5.7.1 <rcpt>: Relay access denied"), there are not too many of them. Returns true when
// accepted; the reply is set either way. An unknown or remote recipient of a submission, or an unknown one of ours, is
// accepted (the end of DATA or a bounce tells the sender).
MUST_USE bool intake_txn_rcpt(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply);
size_t intake_txn_n_rcpts(const struct intake_txn *t);

// Octets of the message, dot-stuffing undone. False: taken, but pause until on_ready(arg) is called (on the loop, in a
// later turn). Octets over the size limit are counted and dropped.
bool intake_txn_write(struct intake_txn *t, struct slice octets);
void intake_txn_set_on_ready(struct intake_txn *t, void (*on_ready)(void *arg), void *arg);
// The same for the body of POST /mxdeliv, as it arrives: the message in the form of SMTP DATA without the final dot.
// Peers differ in whether they stuffed dots: both readings are kept (as long as that is cheap), and the one whose
// signature verifies is delivered.
bool intake_txn_write_mxdeliv(struct intake_txn *t, struct slice octets);
// The DATA stream held a bare CR or LF: the verdict will be "500 Invalid DATA".
void intake_txn_mark_bad_data(struct intake_txn *t);

// End of DATA, at least one recipient was accepted: verdict, commit, bounce. on_done on the loop, in a later turn,
// exactly once unless the transaction is freed before; then the caller frees the transaction.
void intake_txn_finish(struct intake_txn *t, void (*on_done)(void *arg, const struct intake_reply *reply), void *arg);
