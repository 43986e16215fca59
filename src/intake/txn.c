// SPDX-License-Identifier: MIT
// A transaction's life and its envelope.
#include "intake/txn.h"

#include "account/account.h"
#include "base/mem.h"
#include "intake/counts.h"
#include "intake/domain.h"
#include "intake/policy.h"
#include "intake/reply.h"

enum {
    // A thousand recipients as given, as mailboxes, and their failures with the address twice.
    ARENA_MAX = 2 * 1024 * 1024,
    MAIL_FROM_MAX = 2 * ADDRESS_MAX, // what is longer is no login; it is cut and will be refused
};

static struct slice copy_into(struct arena *a, struct slice s) {
    struct slice copy = arena_copy(a, s);
    ASSERT(copy.ptr != NULL);
    return copy;
}

static struct intake_txn *txn_new(struct intake *in, struct loop *loop, struct slice mail_from) {
    struct intake_txn *t = MEM_NEW(struct intake_txn);
    t->in = in;
    t->loop = loop;
    t->config = config_acquire(in->config);
    arena_init(&t->arena, ARENA_MAX);
    buf_init(&t->header, INTAKE_HEADER_MAX);
    t->login = SLICE_EMPTY;
    t->mail_from = copy_into(&t->arena, slice_sub(mail_from, 0, MAIL_FROM_MAX));
    return t;
}

struct intake_txn *intake_txn_new(struct intake *in, struct loop *loop, const struct intake_sender *sender,
                                  struct slice mail_from) {
    struct intake_txn *t = txn_new(in, loop, mail_from);
    t->account_id = sender->account_id;
    t->sender_blocked = sender->blocked;
    t->login = copy_into(&t->arena, sender->login);
    return t;
}

struct intake_txn *intake_txn_new_inbound(struct intake *in, struct loop *loop, struct slice mail_from) {
    struct intake_txn *t = txn_new(in, loop, mail_from);
    t->inbound = true;
    return t;
}

void intake_txn_free(struct intake_txn *t) {
    if (t == NULL)
        return;
    if (t->op != NULL)
        store_op_cancel(t->op);
    t->op = NULL;
    signing_cancel(t->signing);
    t->signing = NULL;
    key_lookup_free(t->lookup);
    t->lookup = NULL;
    intake_txn_drop_content(t);
    if (t->signers != NULL)
        signers_release(t->signers);
    t->signers = NULL;
    recipients_done(&t->recipients);
    arena_reset(&t->arena);
    if (t->config != NULL)
        config_release(t->in->config, t->config);
    t->config = NULL;
    t->freed = true;
    if (!t->answer_posted) // else the posted task does it
        free(t);
}

// ---- envelope ----

// One unit of the sender's rate a transaction, however many recipients it has and however often they are refused.
static bool check_rate(struct intake_txn *t, struct intake_reply *ret_reply) {
    if (t->rate == INTAKE_RATE_UNASKED)
        t->rate = account_send_allowed(t->in->accounts, t->account_id, &t->rate_wait_s) ? INTAKE_RATE_ALLOWED
                                                                                        : INTAKE_RATE_EXCEEDED;
    if (t->rate == INTAKE_RATE_ALLOWED)
        return true;
    intake_reply_set(ret_reply, "450 4.7.1: Too much mail from %.*s, try again in %u seconds", SLICE_FMT(t->mail_from),
                     t->rate_wait_s);
    return false;
}

// RFC 5321 4.1.1.3: "postmaster" needs no domain.
static struct slice qualify_postmaster(const struct intake_txn *t, struct slice rcpt, struct buf *scratch) {
    if (!slice_eq_ci(rcpt, SLICE("postmaster")))
        return rcpt;
    bool ok = buf_printf(scratch, "%.*s@%s", SLICE_FMT(rcpt), t->config->mail_domain);
    return ok ? buf_slice(scratch) : rcpt;
}

// Mail from outside is for us alone; nobody is looked up, so that nobody can be found out here.
static bool check_is_ours(const struct intake_txn *t, const struct address *a, struct intake_reply *ret_reply) {
    char domain[DOMAIN_SIZE];
    (void)domain_canonical(a->domain, domain);
    if (slice_eq_ci(slice_from_cstr(domain), slice_from_cstr(t->config->mail_domain)))
        return true;
    intake_reply_set(ret_reply, "554 5.7.1 <%.*s>: Relay access denied", SLICE_FMT(a->whole));
    return false;
}

// RFC 5321 4.5.1 and RFC 2142: the names under which the operator is looked for.
static bool is_operator(const struct intake_txn *t, const struct address *a) {
    return t->inbound && (slice_eq_ci(a->local, SLICE("postmaster")) || slice_eq_ci(a->local, SLICE("abuse")));
}

static bool add_recipient(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply) {
    struct address a;
    if (!address_parse(rcpt, &a)) {
        intake_reply_set(ret_reply, "501 5.1.3 Error: bad recipient address syntax");
        return false;
    }
    if (t->inbound && !check_is_ours(t, &a, ret_reply))
        return false;
    struct slice ours = slice_from_cstr(t->config->mail_domain);
    if (recipients_add(&t->recipients, &t->arena, &a, ours, INTAKE_RECIPIENTS_MAX) == RECIPIENTS_TOO_MANY) {
        intake_reply_set(ret_reply, "452 4.5.3 Error: too many recipients");
        return false;
    }
    t->to_operator |= is_operator(t, &a);
    intake_reply_set(ret_reply, "250 2.1.5 OK");
    return true;
}

// No recipient of this message will be taken, so it never gets as far as an answer of its own.
static void count_refused(struct intake_txn *t, const struct intake_reply *reply) {
    if (!t->is_turned_away)
        intake_count_answer(t->inbound, reply, 0);
    t->is_turned_away = true;
}

bool intake_txn_rcpt(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply) {
    ASSERT(t->on_done == NULL);
    if (!t->inbound && (!policy_check_sender(t->mail_from, t->login, ret_reply) || !check_rate(t, ret_reply))) {
        count_refused(t, ret_reply);
        return false;
    }
    struct buf scratch;
    buf_init(&scratch, ADDRESS_MAX);
    bool ok = add_recipient(t, qualify_postmaster(t, rcpt, &scratch), ret_reply);
    buf_done(&scratch);
    return ok;
}

size_t intake_txn_n_rcpts(const struct intake_txn *t) {
    return t->recipients.n;
}
