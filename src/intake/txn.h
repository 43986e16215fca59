// SPDX-License-Identifier: MIT
// The inside of a transaction, for intake/txn.c (envelope and octets) and intake/commit.c (verdict and delivery) alone.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "intake/identity.h"
#include "intake/intake.h"
#include "intake/recipients.h"
#include "net/loop.h"
#include "pgp/gate.h"
#include "store/message_ops.h"

struct intake {
    struct config_holder *config;
    struct store *store;
    struct account_service *accounts;
};

enum {
    INTAKE_HEADER_MAX = 256 * 1024,
    // Editing replaces "Subject:" CRLF by "Subject: [...]" CRLF, so a header of nothing else grows by less than its
    // size.
    INTAKE_HEADER_EDITED_MAX = 2 * INTAKE_HEADER_MAX,
};

enum intake_rate { INTAKE_RATE_UNASKED, INTAKE_RATE_ALLOWED, INTAKE_RATE_EXCEEDED };

struct intake_txn {
    struct intake *in;
    struct loop *loop;
    const struct config *config; // one snapshot for the whole transaction

    // Envelope; slices live in the arena.
    struct arena arena;
    uint64_t account_id;
    bool sender_blocked;
    struct slice login, mail_from;
    enum intake_rate rate;
    uint32_t rate_wait_s;
    struct recipients recipients;

    // The message as it streams.
    uint64_t size; // octets as submitted, dropped ones too
    bool over_size, bad_data;
    struct buf header;  // as submitted; complete when header_done
    size_t header_seen; // octets of it in which no blank line begins
    bool header_done, header_too_large;
    struct gate *gate;       // NULL when the message will be refused without it
    struct store_body *body; // as it will be delivered; NULL when it will be refused

    // The end.
    uint8_t identity[IDENTITY_SIZE], bounce_identity[IDENTITY_SIZE];
    struct store_op *op; // under way
    void (*on_done)(void *arg, const struct intake_reply *reply);
    void *on_done_arg;
    struct intake_reply reply;
    struct loop_task answer; // posts a verdict that needed no waiting
    bool answer_posted, freed;
    void (*on_ready)(void *arg);
    void *on_ready_arg;
};

// intake/txn.c: nothing of the octets is needed any more.
void intake_txn_drop_content(struct intake_txn *t);
// intake/txn.c: no more octets come. A message may end without the blank line behind its header (RFC 5322 3.5).
void intake_txn_end_content(struct intake_txn *t);
