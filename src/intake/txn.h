// SPDX-License-Identifier: MIT
// The inside of a transaction, for the files of it alone: txn.c (life and envelope), content.c (octets), verdict.c (may
// it pass), deliver.c (the commit), report.c (what the sender is told).
//
//   RCPT... write... finish --> verdict --refused--> reply
//                                  `--> [keys of the signature] --> [our signature] --> body ends --> commit
//                                           --> [bounce: [our signature] --> body ends --> commit] --> reply
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "dkim/body_hash.h"
#include "dkim/key_cache.h"
#include "dkim/verify.h"
#include "intake/identity.h"
#include "intake/intake.h"
#include "intake/key_lookup.h"
#include "intake/mxdeliv.h"
#include "intake/recipients.h"
#include "intake/signers.h"
#include "intake/signing.h"
#include "net/loop.h"
#include "pgp/gate.h"
#include "store/message_ops.h"

struct intake {
    struct config_holder *config;
    struct store *store;
    struct account_service *accounts;
    struct worker_pool *crypt;
    struct dns_resolver *dns;
    struct signers *signers;
    struct dkim_key_cache *keys; // of others, that verified something
    atomic_size_t n_lookups;
};

enum {
    INTAKE_HEADER_MAX = 256 * 1024,
    // Editing replaces "Subject:" CRLF by "Subject: [...]" CRLF, so a header of nothing else grows by less than its
    // size.
    INTAKE_HEADER_EDITED_MAX = 2 * INTAKE_HEADER_MAX,
};

enum intake_rate { INTAKE_RATE_UNASKED, INTAKE_RATE_ALLOWED, INTAKE_RATE_EXCEEDED };

// One reading of the octets: what they are, and the body as it will be delivered.
struct intake_reading {
    struct gate *gate;
    struct store_body *body;
    enum gate_kind kind; // after the end
    const char *gate_reason;
};

struct intake_txn {
    struct intake *in;
    struct loop *loop;
    const struct config *config; // one snapshot for the whole transaction
    bool inbound;

    // Envelope; slices live in the arena.
    struct arena arena;
    uint64_t account_id; // 0: inbound
    bool sender_blocked;
    struct slice login, mail_from;
    enum intake_rate rate;
    uint32_t rate_wait_s;
    bool is_turned_away; // its sender was, and that is counted
    struct recipients recipients;
    bool to_operator; // a recipient is postmaster or abuse

    // The message as it streams.
    uint64_t size; // octets as they came, dropped ones too
    bool over_size, bad_data;
    struct buf header;   // as it came; complete when header_done
    size_t header_seen;  // octets of it in which no blank line begins
    size_t header_taken; // octets of the edited one in the bodies
    bool header_done, header_too_large, has_body;
    struct mxdeliv_reader mxdeliv;
    bool is_mxdeliv;
    // By enum dkim_variant; the other one when is_forked. What is refused already has neither gate nor body.
    struct intake_reading readings[2];
    bool is_forked, never_fork;
    const struct signer_set *signers; // of a message that will be signed
    struct dkim_body_hash *body_hash; // the same
    struct dkim_verifier *verifier;   // inbound, unless it will be refused or there is nothing to verify

    // The end.
    uint64_t finished_us;    // monotonic: when the last octet had come
    enum gate_kind kind;     // of the reading that is delivered
    struct store_body *body; // the same, then that of the bounce
    uint8_t identity[IDENTITY_SIZE], bounce_identity[IDENTITY_SIZE];
    struct slice prefix;         // header fields that go before the body to other servers; in the arena
    struct recipient *bounce_to; // in the arena
    // At most one of these is under way.
    struct key_lookup *lookup;
    struct signing *signing;
    struct store_op *op;
    void (*on_done)(void *arg, const struct intake_reply *reply);
    void *on_done_arg;
    struct intake_reply reply;
    struct loop_task answer; // posts a verdict that needed no waiting
    bool answer_posted, freed;
    void (*on_ready)(void *arg);
    void *on_ready_arg;
};

// content.c: nothing of the octets is needed any more.
void intake_txn_drop_content(struct intake_txn *t);
// content.c: no more octets come. A message may end without the blank line behind its header (RFC 5322 3.5).
void intake_txn_end_content(struct intake_txn *t);
// content.c: the header as it is delivered. False when `out` is full.
MUST_USE bool intake_txn_edit_header(const struct intake_txn *t, struct buf *out);

// verdict.c: tells the reply that stands in t->reply. The caller may free the transaction in it.
void intake_txn_answer(struct intake_txn *t);
// verdict.c: the same, for what the store could not do.
void intake_txn_answer_status(struct intake_txn *t, enum store_status status);

// deliver.c: to all recipients, in one commit. t->body is the message.
void intake_txn_deliver(struct intake_txn *t);
// report.c: the delivery is done, and every recipient has its outcome.
void intake_txn_report(struct intake_txn *t);
