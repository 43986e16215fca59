// SPDX-License-Identifier: MIT
// The end of a transaction up to the decision whether it may pass. On mail from outside that may need the keys of its
// signature. The decision never looks at the recipients, and nobody is looked up before it: what a peer is told, and
// when, does not depend on who is there.
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "intake/counts.h"
#include "intake/policy.h"
#include "intake/reply.h"
#include "intake/txn.h"

// ---- answering ----

void intake_txn_answer(struct intake_txn *t) {
    intake_count_answer(t->inbound, &t->reply, clock_mono_us() - t->finished_us);
    t->on_done(t->on_done_arg, &t->reply);
}

static void run_answer(struct loop_task *task) {
    struct intake_txn *t = CONTAINER_OF(task, struct intake_txn, answer);
    t->answer_posted = false;
    if (t->freed)
        free(t);
    else
        intake_txn_answer(t);
}

// on_done is never called within intake_txn_finish().
static void post_answer(struct intake_txn *t) {
    intake_txn_drop_content(t);
    t->answer_posted = true;
    t->answer.run = run_answer;
    loop_post(t->loop, &t->answer);
}

// The account of the sender is looked at in the commit itself: a block counts for sessions that began before it.
void intake_txn_answer_status(struct intake_txn *t, enum store_status status) {
    intake_txn_drop_content(t);
    if (status == STORE_NOT_FOUND && !t->inbound)
        policy_refuse_sender(t->mail_from, &t->reply);
    else if (status == STORE_FULL)
        intake_reply_set(&t->reply, "452 4.3.1 Error: insufficient system storage");
    else if (status == STORE_BACKLOG)
        intake_reply_set(&t->reply, "450 4.7.1 Error: too much of your mail waits for other servers, try again later");
    else
        intake_reply_set(&t->reply, "451 4.3.0 Error: temporary failure, try again later");
    intake_txn_answer(t);
}

// ---- submission ----

static struct policy_message facts_of(const struct intake_txn *t, enum dkim_variant variant) {
    const struct intake_reading *r = &t->readings[variant];
    return (struct policy_message){
        .over_size = t->over_size,
        .bad_data = t->bad_data,
        .header_too_large = t->header_too_large,
        .kind = r->kind,
        .gate_reason = r->gate_reason,
        .header = buf_slice(&t->header),
    };
}

// An Autocrypt Setup Message is for one's own other devices.
static bool is_to_sender_alone(const struct intake_txn *t) {
    return t->recipients.n == 1 && slice_eq_ci(t->recipients.list[0].mailbox, t->mail_from);
}

// The message is the chosen reading from now on.
static void accept(struct intake_txn *t, enum dkim_variant chosen) {
    struct intake_reading *r = &t->readings[chosen];
    t->kind = r->kind;
    t->body = r->body;
    r->body = NULL;
    for (size_t i = 0; i < ARRAY_LEN(t->readings); i++) {
        gate_free(t->readings[i].gate);
        store_body_free(t->readings[i].body);
        t->readings[i] = (struct intake_reading){.gate = NULL};
    }
    dkim_verifier_free(t->verifier);
    t->verifier = NULL;
    ASSERT(t->body != NULL); // what passes has a From header at least
    intake_txn_deliver(t);
}

static void judge_submission(struct intake_txn *t) {
    struct policy_submission f = {
        .message = facts_of(t, DKIM_BODY_MAIN),
        .mail_from = t->mail_from,
        .sender_blocked = t->sender_blocked,
        .to_sender_alone = is_to_sender_alone(t),
    };
    if (policy_check_submission(&f, &t->reply))
        accept(t, DKIM_BODY_MAIN);
    else
        post_answer(t);
}

// ---- mail from outside ----

static const char *name_of(enum gate_kind kind) {
    static const char *const names[] = {
        [GATE_ENCRYPTED] = "encrypted",         [GATE_SECUREJOIN] = "securejoin", [GATE_SETUP_MESSAGE] = "unencrypted",
        [GATE_MAILER_DAEMON] = "mailer-daemon", [GATE_CLEAR] = "unencrypted",     [GATE_MALFORMED] = "malformed",
    };
    return names[kind];
}

// `why` is a static text, as in the next one.
static void refuse_inbound(struct intake_txn *t, const char *why) {
    bool unread = t->over_size || t->bad_data || t->header_too_large;
    log_info("intake.inbound_refused", "mail=%s code=%.3s why=\"%s\"",
             unread ? "unread" : name_of(t->readings[DKIM_BODY_MAIN].kind), t->reply.text, why);
    post_answer(t);
}

static void accept_inbound(struct intake_txn *t, enum dkim_variant chosen, const char *why) {
    intake_count_kind(t->readings[chosen].kind);
    log_info("intake.inbound", "mail=%s why=\"%s\"", name_of(t->readings[chosen].kind), why);
    accept(t, chosen);
}

static enum policy_origin check_reading(const struct intake_txn *t, enum dkim_variant variant, struct address *ret_from,
                                        struct intake_reply *ret_reply) {
    struct policy_inbound f = {
        .message = facts_of(t, variant),
        .has_body = t->has_body,
        .domain = slice_from_cstr(t->config->mail_domain),
        .contact = t->to_operator ? slice_from_cstr(t->config->privacy_mail) : SLICE_EMPTY,
    };
    return policy_check_inbound(&f, ret_from, ret_reply);
}

// The verdict on the signature has fallen. The reading that it is valid for must be one that may pass.
static void on_verified(struct intake_txn *t) {
    enum dkim_verdict verdict = dkim_verifier_verdict(t->verifier);
    intake_count_dkim(verdict);
    bool partial = verdict == DKIM_PASS && dkim_verifier_is_partial(t->verifier);
    if (!policy_check_dkim(verdict, partial, &t->reply)) {
        refuse_inbound(t, partial ? "octets are not signed" : dkim_verifier_reason(t->verifier));
        return;
    }
    struct address from;
    enum dkim_variant variant = dkim_verifier_variant(t->verifier);
    if (check_reading(t, variant, &from, &t->reply) == POLICY_SIGNED)
        accept_inbound(t, variant, "signed");
    else
        refuse_inbound(t, "the signed reading");
}

static void on_keys(void *arg) {
    struct intake_txn *t = arg;
    key_lookup_free(t->lookup);
    t->lookup = NULL;
    on_verified(t);
}

static void verify(struct intake_txn *t) {
    ASSERT(t->verifier != NULL);
    dkim_verifier_end(t->verifier);
    if (dkim_verifier_verdict(t->verifier) != DKIM_OPEN) {
        on_verified(t);
        return;
    }
    t->lookup = key_lookup_start(t->in, t->loop, t->verifier, on_keys, t);
    if (t->lookup != NULL)
        return;
    policy_defer_dkim(&t->reply);
    refuse_inbound(t, t->in->dns != NULL ? "too many look-ups" : "no resolver");
}

static void judge_inbound(struct intake_txn *t) {
    struct address from;
    struct intake_reply reply;
    enum dkim_variant chosen = DKIM_BODY_MAIN;
    enum policy_origin origin = check_reading(t, DKIM_BODY_MAIN, &from, &t->reply);
    if (origin == POLICY_REFUSED && t->is_forked) {
        chosen = DKIM_BODY_OTHER;
        origin = check_reading(t, DKIM_BODY_OTHER, &from, &reply);
    }
    if (origin == POLICY_REFUSED) {
        refuse_inbound(t, "form");
        return;
    }
    // Nobody gets a bounce for what another one wrote.
    if (!slice_eq_ci(from.whole, t->mail_from))
        t->mail_from = SLICE_EMPTY;
    if (origin == POLICY_SIGNED)
        verify(t);
    else
        accept_inbound(t, chosen, "from a literal");
}

// ---- the end ----

static void finish_gate(struct intake_reading *r) {
    r->kind = GATE_CLEAR;
    r->gate_reason = "";
    if (r->gate == NULL)
        return; // empty, or refused without it
    r->kind = gate_finish(r->gate);
    r->gate_reason = gate_reason(r->gate);
}

void intake_txn_finish(struct intake_txn *t, void (*on_done)(void *arg, const struct intake_reply *reply), void *arg) {
    ASSERT(t->on_done == NULL && t->recipients.n > 0);
    t->on_done = on_done;
    t->on_done_arg = arg;
    t->finished_us = clock_mono_us();
    intake_txn_end_content(t);
    for (size_t i = 0; i < ARRAY_LEN(t->readings); i++)
        finish_gate(&t->readings[i]);
    if (t->inbound)
        judge_inbound(t);
    else
        judge_submission(t);
}
