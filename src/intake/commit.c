// SPDX-License-Identifier: MIT
// The end of a transaction: verdict, one store operation for all local recipients, one bounce to the sender for those
// who could not be reached, and only then "250". Whatever fails on the way answers 4xx; the peer sends again, and the
// store recognises what it has already.
#include "base/clock.h"
#include "base/mem.h"
#include "intake/bounce.h"
#include "intake/policy.h"
#include "intake/reply.h"
#include "intake/txn.h"
#include "mail/header.h"

enum {
    BOUNCE_MAX = 4 * 1024 * 1024, // a thousand recipients, and 32 KiB of the header
};

// ---- answering ----

static void answer(struct intake_txn *t) {
    t->on_done(t->on_done_arg, &t->reply);
}

static void run_answer(struct loop_task *task) {
    struct intake_txn *t = CONTAINER_OF(task, struct intake_txn, answer);
    t->answer_posted = false;
    if (t->freed)
        free(t);
    else
        answer(t);
}

// on_done is never called within intake_txn_finish().
static void post_answer(struct intake_txn *t) {
    t->answer_posted = true;
    t->answer.run = run_answer;
    loop_post(t->loop, &t->answer);
}

// The account of the sender is looked at in the commit itself: a block counts for sessions that began before it.
static void answer_status(struct intake_txn *t, enum store_status status) {
    intake_txn_drop_content(t);
    if (status == STORE_NOT_FOUND)
        policy_refuse_sender(t->mail_from, &t->reply);
    else
        intake_reply_set(&t->reply, status == STORE_FULL ? "452 4.3.1 Error: insufficient system storage"
                                                         : "451 4.3.0 Error: temporary failure, try again later");
    answer(t);
}

static void answer_accepted(struct intake_txn *t) {
    intake_reply_set(&t->reply, "250 OK");
    answer(t);
}

static const struct recipient *first_failed(const struct intake_txn *t) {
    for (size_t i = 0; i < t->recipients.n; i++)
        if (t->recipients.list[i].failed_status.len > 0)
            return &t->recipients.list[i];
    return NULL;
}

// The bounce has no way to the sender (its own mailbox is full or gone): the reply is the only one left.
static void answer_first_failure(struct intake_txn *t) {
    const struct recipient *r = first_failed(t);
    ASSERT(r != NULL);
    intake_reply_set(&t->reply, "%.*s", SLICE_FMT(r->failed_reply));
    answer(t);
}

// ---- bounce ----

static void on_bounce_delivered(struct store_op *op) {
    struct intake_txn *t = op->arg;
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    enum store_status status = op->status;
    enum store_delivery_outcome outcome = d->deliveries[0].ret_outcome;
    t->op = NULL;
    store_op_free(op);
    if (status != STORE_OK)
        answer_status(t, status);
    else if (outcome == STORE_DELIVERED || outcome == STORE_DUPLICATE)
        answer_accepted(t);
    else
        answer_first_failure(t);
}

static void on_bounce_finished(void *arg, enum store_status status) {
    struct intake_txn *t = arg;
    if (status != STORE_OK) {
        answer_status(t, status);
        return;
    }
    struct store_deliver *d = store_deliver_new(t->body, t->bounce_identity);
    t->body = NULL;
    d->sender_id = t->account_id;
    store_deliver_add(d, t->login);
    t->op = &d->op;
    store_op_submit(t->in->store, t->loop, t->op, on_bounce_delivered, t);
}

// The sender is told in its own mailbox, which is the only one a bounce ever goes to. t->body is free for it.
static void start_bounce(struct intake_txn *t) {
    identity_of_bounce(t->identity, &t->recipients, t->bounce_identity);
    struct bounce b = {
        .domain = slice_from_cstr(t->config->mail_domain),
        .sender = t->login,
        .header = buf_slice(&t->header),
        .recipients = &t->recipients,
        .identity = t->bounce_identity,
        .now_s = clock_wall_s(),
    };
    struct buf text;
    buf_init(&text, BOUNCE_MAX);
    bool ok = bounce_write(&b, &text);
    ASSERT(ok);
    t->body = store_body_new(t->in->store, t->loop);
    (void)store_body_write(t->body, buf_slice(&text)); // one write: nothing to pause
    buf_done(&text);
    store_body_finish(t->body, on_bounce_finished, t);
}

// ---- delivery ----

static void on_delivered(struct store_op *op) {
    struct intake_txn *t = op->arg;
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    enum store_status status = op->status;
    t->op = NULL;
    const struct store_delivery *next = d->deliveries; // in the order of the local recipients
    for (size_t i = 0; i < t->recipients.n && status == STORE_OK; i++) {
        struct recipient *r = &t->recipients.list[i];
        if (!r->is_local)
            continue;
        if (next->ret_outcome == STORE_UNKNOWN)
            bounce_recipient(r, BOUNCE_UNKNOWN, &t->arena);
        else if (next->ret_outcome == STORE_OVERQUOTA)
            bounce_recipient(r, BOUNCE_FULL, &t->arena);
        next++;
    }
    store_op_free(op);
    if (status != STORE_OK)
        answer_status(t, status);
    else if (bounce_count(&t->recipients) > 0)
        start_bounce(t);
    else
        answer_accepted(t);
}

static void on_body_finished(void *arg, enum store_status status) {
    struct intake_txn *t = arg;
    if (status != STORE_OK) {
        answer_status(t, status);
        return;
    }
    struct store_deliver *d = store_deliver_new(t->body, t->identity);
    t->body = NULL;
    d->sender_id = t->account_id;
    for (size_t i = 0; i < t->recipients.n; i++)
        if (t->recipients.list[i].is_local)
            store_deliver_add(d, t->recipients.list[i].mailbox);
    t->op = &d->op;
    store_op_submit(t->in->store, t->loop, t->op, on_delivered, t);
}

static void start_delivery(struct intake_txn *t) {
    uint8_t digest[32];
    struct slice message_id = SLICE_EMPTY;
    store_body_digest(t->body, digest);
    (void)header_find(buf_slice(&t->header), SLICE("Message-ID"), &message_id);
    identity_of_message(t->login, message_id, digest, t->identity);

    for (size_t i = 0; i < t->recipients.n; i++)
        if (!t->recipients.list[i].is_local)
            bounce_recipient(&t->recipients.list[i], BOUNCE_NO_ROUTE, &t->arena);
    if (t->recipients.n_local > 0) {
        store_body_finish(t->body, on_body_finished, t);
        return;
    }
    store_body_free(t->body);
    t->body = NULL;
    start_bounce(t);
}

// ---- verdict ----

// An Autocrypt Setup Message is for one's own other devices.
static bool is_to_sender_alone(const struct intake_txn *t) {
    return t->recipients.n == 1 && slice_eq_ci(t->recipients.list[0].mailbox, t->mail_from);
}

static bool judge(struct intake_txn *t) {
    struct policy_facts f = {
        .over_size = t->over_size,
        .bad_data = t->bad_data,
        .header_too_large = t->header_too_large,
        .kind = GATE_CLEAR,
        .header = buf_slice(&t->header),
        .mail_from = t->mail_from,
        .sender_blocked = t->sender_blocked,
        .to_sender_alone = is_to_sender_alone(t),
    };
    if (t->gate != NULL) { // else empty, or refused without it
        f.kind = gate_finish(t->gate);
        f.gate_reason = gate_reason(t->gate);
    }
    return policy_check_message(&f, &t->reply);
}

void intake_txn_finish(struct intake_txn *t, void (*on_done)(void *arg, const struct intake_reply *reply), void *arg) {
    ASSERT(t->on_done == NULL && t->recipients.n > 0);
    t->on_done = on_done;
    t->on_done_arg = arg;
    if (!judge(t)) {
        intake_txn_drop_content(t);
        post_answer(t);
        return;
    }
    gate_free(t->gate);
    t->gate = NULL;
    intake_txn_end_content(t);
    ASSERT(t->body != NULL); // what passes has a From header at least
    start_delivery(t);
}
