// SPDX-License-Identifier: MIT
// What the sender is told once every recipient has its outcome: "250", a reply that says why nobody got it, or "250"
// and one bounce for those who did not. The bounce is durable before "250" is said: after a crash between the two
// commits the peer sends the message again, its delivery is recognised as one that was made, and the bounce is written
// then.
#include "base/clock.h"
#include "intake/bounce.h"
#include "intake/reply.h"
#include "intake/txn.h"
#include "mail/header.h"

enum {
    BOUNCE_MAX = 4 * 1024 * 1024, // a thousand recipients, and 32 KiB of the header
};

// ---- replies ----

static void answer_accepted(struct intake_txn *t) {
    intake_reply_set(&t->reply, "250 OK");
    intake_txn_answer(t);
}

static void answer_first_failure(struct intake_txn *t) {
    size_t i = 0;
    while (t->recipients.list[i].failed_status.len == 0)
        i++;
    intake_reply_set(&t->reply, "%.*s", SLICE_FMT(t->recipients.list[i].failed_reply));
    intake_txn_answer(t);
}

// ---- the bounce ----

// The mailbox of our sender is full or gone: the reply is the only way left to tell it. Mail from outside has reached
// somebody all the same.
static void on_bounce_refused(struct intake_txn *t) {
    if (t->inbound)
        answer_accepted(t);
    else
        answer_first_failure(t);
}

static bool was_taken(const struct store_deliver *d) {
    return d->n_deliveries == 0 || d->deliveries[0].ret_outcome == STORE_DELIVERED ||
           d->deliveries[0].ret_outcome == STORE_DUPLICATE;
}

static void on_bounce_delivered(struct store_op *op) {
    struct intake_txn *t = op->arg;
    enum store_status status = op->status;
    bool taken = status == STORE_OK && was_taken(CONTAINER_OF(op, struct store_deliver, op));
    t->op = NULL;
    store_op_free(op);
    if (status != STORE_OK)
        intake_txn_answer_status(t, status);
    else if (taken)
        answer_accepted(t);
    else
        on_bounce_refused(t);
}

static void on_bounce_finished(void *arg, enum store_status status) {
    struct intake_txn *t = arg;
    if (status != STORE_OK) {
        intake_txn_answer_status(t, status);
        return;
    }
    struct store_deliver *d = store_deliver_new(t->body, t->bounce_identity);
    t->body = NULL;
    d->sender_id = t->account_id;
    if (t->bounce_to->is_local) {
        store_deliver_add(d, t->bounce_to->mailbox);
    } else {
        store_deliver_add_remote(d, t->bounce_to->destination, t->bounce_to->mailbox);
        store_deliver_set_letter(d, t->prefix, SLICE_EMPTY, 0); // from <>, whom nobody bounces to
    }
    t->op = &d->op;
    store_op_submit(t->in->store, t->loop, t->op, on_bounce_delivered, t);
}

static void on_bounce_signed(void *arg, struct slice fields) {
    struct intake_txn *t = arg;
    t->signing = NULL;
    t->prefix = arena_copy(&t->arena, fields);
    ASSERT(t->prefix.ptr != NULL);
    store_body_finish(t->body, on_bounce_finished, t);
}

static bool needs_signature(struct intake_txn *t) {
    if (t->bounce_to->is_local)
        return false;
    if (t->signers == NULL)
        t->signers = signers_acquire(t->in->signers);
    return t->signers->n > 0;
}

static void sign_bounce(struct intake_txn *t, struct slice text) {
    size_t end;
    uint8_t hash[DKIM_HASH_LEN];
    bool has_end = header_find_end(text, &end);
    ASSERT(has_end);
    struct dkim_body_hash *body = dkim_signing_body_hash();
    dkim_body_hash_update(body, slice_sub(text, end, text.len));
    dkim_body_hash_finish(body, hash, NULL, NULL);
    dkim_body_hash_free(body);
    t->signing = signing_start(t->in, t->loop, t->signers, slice_from_cstr(t->config->mail_domain),
                               slice_sub(text, 0, end), hash, on_bounce_signed, t);
}

static void start_bounce(struct intake_txn *t) {
    identity_of_bounce(t->identity, &t->recipients, t->bounce_identity);
    struct bounce b = {
        .domain = slice_from_cstr(t->config->mail_domain),
        .sender = t->bounce_to->mailbox,
        .header = buf_slice(&t->header),
        .edit = t->inbound ? HEADER_EDIT_DELIVERED : HEADER_EDIT_SUBMITTED,
        .recipients = &t->recipients,
        .identity = t->bounce_identity,
        .now_s = clock_wall_s(),
    };
    struct buf text;
    buf_init(&text, BOUNCE_MAX);
    bool ok = bounce_write(&b, &text);
    ASSERT(ok);
    store_body_free(t->body);
    t->body = store_body_new(t->in->store, t->loop);
    (void)store_body_write(t->body, buf_slice(&text)); // one write: nothing to pause
    if (needs_signature(t))
        sign_bounce(t, buf_slice(&text));
    else
        store_body_finish(t->body, on_bounce_finished, t);
    buf_done(&text);
}

// ---- who gets one ----

static bool set_bounce_to(struct intake_txn *t, const struct recipient *to) {
    t->bounce_to = arena_alloc(&t->arena, sizeof(*to));
    ASSERT(t->bounce_to != NULL);
    *t->bounce_to = *to;
    return true;
}

// A sender from outside gets one when it is the author and no machine that reports (RFC 3464 section 2: no report about
// a report). That it is the author its signature proves; who writes from a literal has none, and is believed here as
// everywhere.
static bool find_author(struct intake_txn *t) {
    struct address from;
    if (t->kind == GATE_MAILER_DAEMON || t->mail_from.len == 0 || !address_parse(t->mail_from, &from))
        return false;
    struct recipients list = {0};
    bool ok = recipients_add(&list, &t->arena, &from, slice_from_cstr(t->config->mail_domain), 1) == RECIPIENTS_ADDED &&
              (list.list[0].is_local || list.list[0].destination.len > 0) && set_bounce_to(t, &list.list[0]);
    recipients_done(&list);
    return ok;
}

// One of ours is told in its own mailbox, which is the only one its bounces ever go to.
static bool find_sender(struct intake_txn *t) {
    if (t->inbound)
        return find_author(t);
    return set_bounce_to(t, &(struct recipient){.given = t->login, .mailbox = t->login, .is_local = true});
}

void intake_txn_report(struct intake_txn *t) {
    size_t n_failed = bounce_count(&t->recipients);
    if (n_failed == 0)
        answer_accepted(t);
    else if (t->inbound && n_failed == t->recipients.n)
        answer_first_failure(t);
    else if (find_sender(t))
        start_bounce(t);
    else
        answer_accepted(t);
}
