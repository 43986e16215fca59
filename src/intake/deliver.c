// SPDX-License-Identifier: MIT
// The commit of an accepted message: all recipients, ours and those of other servers, in one store operation. What goes
// to other servers is signed before, over exactly the octets that are stored. Whatever fails on the way answers 4xx;
// the peer sends again, and the store recognises what it has already.
#include "intake/bounce.h"
#include "intake/counts.h"
#include "intake/reply.h"
#include "intake/txn.h"
#include "mail/header.h"

static void fill_outcomes(struct intake_txn *t, const struct store_deliver *d) {
    const struct store_delivery *next = d->deliveries; // in the order of the local recipients
    for (size_t i = 0; i < t->recipients.n; i++) {
        struct recipient *r = &t->recipients.list[i];
        if (!r->is_local)
            continue;
        intake_count_delivery(next->ret_outcome);
        if (next->ret_outcome == STORE_UNKNOWN)
            bounce_recipient(r, BOUNCE_UNKNOWN, &t->arena);
        else if (next->ret_outcome == STORE_OVERQUOTA)
            bounce_recipient(r, BOUNCE_FULL, &t->arena);
        next++;
    }
}

static void on_delivered(struct store_op *op) {
    struct intake_txn *t = op->arg;
    enum store_status status = op->status;
    t->op = NULL;
    if (status == STORE_OK)
        fill_outcomes(t, CONTAINER_OF(op, struct store_deliver, op));
    store_op_free(op);
    if (status == STORE_OK)
        intake_txn_report(t);
    else
        intake_txn_answer_status(t, status);
}

// Who is told nothing about the message, because it is the one that the From header names; NULL: nobody.
static const struct recipient *find_own(const struct intake_txn *t) {
    struct slice value;
    struct address from;
    if (!header_find(buf_slice(&t->header), SLICE("From"), &value) || !address_first_of_header(value, &from))
        return NULL;
    return recipients_find(&t->recipients, &from, slice_from_cstr(t->config->mail_domain));
}

static void on_body_finished(void *arg, enum store_status status) {
    struct intake_txn *t = arg;
    if (status != STORE_OK) {
        intake_txn_answer_status(t, status);
        return;
    }
    struct store_deliver *d = store_deliver_new(t->body, t->identity);
    t->body = NULL;
    d->sender_id = t->account_id;
    d->since_us = t->finished_us;
    const struct recipient *own = find_own(t);
    for (size_t i = 0; i < t->recipients.n; i++) {
        const struct recipient *r = &t->recipients.list[i];
        if (r->is_local && r == own)
            store_deliver_add_own(d, r->mailbox);
        else if (r->is_local)
            store_deliver_add(d, r->mailbox);
        else if (r->destination.len > 0)
            store_deliver_add_remote(d, r->destination, r->mailbox);
    }
    if (t->recipients.n_remote > 0)
        store_deliver_set_letter(d, t->prefix, t->mail_from, 0);
    t->op = &d->op;
    store_op_submit(t->in->store, t->loop, t->op, on_delivered, t);
}

static void on_signed(void *arg, struct slice fields) {
    struct intake_txn *t = arg;
    t->signing = NULL;
    intake_count_signed();
    t->prefix = arena_copy(&t->arena, fields);
    ASSERT(t->prefix.ptr != NULL);
    store_body_finish(t->body, on_body_finished, t);
}

static void start_signing(struct intake_txn *t) {
    uint8_t hash[DKIM_HASH_LEN];
    dkim_body_hash_finish(t->body_hash, hash, NULL, NULL);
    struct buf header;
    buf_init(&header, INTAKE_HEADER_EDITED_MAX);
    bool ok = intake_txn_edit_header(t, &header);
    ASSERT(ok); // it was written before
    t->signing = signing_start(t->in, t->loop, t->signers, slice_from_cstr(t->config->mail_domain), buf_slice(&header),
                               hash, on_signed, t);
    buf_done(&header);
}

static void identify(struct intake_txn *t) {
    uint8_t digest[32];
    struct slice message_id = SLICE_EMPTY;
    store_body_digest(t->body, digest);
    (void)header_find(buf_slice(&t->header), SLICE("Message-ID"), &message_id);
    identity_of_message(t->inbound ? t->mail_from : t->login, message_id, digest, t->identity);
}

void intake_txn_deliver(struct intake_txn *t) {
    identify(t);
    for (size_t i = 0; i < t->recipients.n; i++)
        if (!t->recipients.list[i].is_local && t->recipients.list[i].destination.len == 0)
            bounce_recipient(&t->recipients.list[i], BOUNCE_NOWHERE, &t->arena);
    if (t->recipients.n_local + t->recipients.n_remote == 0)
        intake_txn_report(t);
    else if (t->body_hash != NULL)
        start_signing(t);
    else
        store_body_finish(t->body, on_body_finished, t);
}
