// SPDX-License-Identifier: MIT
// A transaction while it is named and while its octets arrive. Each octet goes to the encryption gate as it was
// submitted; the header is gathered, edited when it is complete, and goes to the store before the rest, which streams.
#include "intake/txn.h"

#include "account/account.h"
#include "base/mem.h"
#include "intake/policy.h"
#include "intake/reply.h"
#include "mail/header.h"

enum {
    // A thousand recipients as given, as mailboxes, and their failures with the address twice.
    ARENA_MAX = 2 * 1024 * 1024,
    MAIL_FROM_MAX = 2 * ADDRESS_MAX, // what is longer is no login; it is cut and will be refused
};

struct intake *intake_new(struct config_holder *config, struct store *store, struct account_service *accounts) {
    struct intake *in = MEM_NEW(struct intake);
    *in = (struct intake){.config = config, .store = store, .accounts = accounts};
    return in;
}

void intake_free(struct intake *in) {
    free(in);
}

static struct slice copy_into(struct arena *a, struct slice s) {
    struct slice copy = arena_copy(a, s);
    ASSERT(copy.ptr != NULL);
    return copy;
}

struct intake_txn *intake_txn_new(struct intake *in, struct loop *loop, const struct intake_sender *sender,
                                  struct slice mail_from) {
    struct intake_txn *t = MEM_NEW(struct intake_txn);
    t->in = in;
    t->loop = loop;
    t->config = config_acquire(in->config);
    arena_init(&t->arena, ARENA_MAX);
    buf_init(&t->header, INTAKE_HEADER_MAX);
    t->account_id = sender->account_id;
    t->sender_blocked = sender->blocked;
    t->login = copy_into(&t->arena, sender->login);
    t->mail_from = copy_into(&t->arena, slice_sub(mail_from, 0, MAIL_FROM_MAX));
    return t;
}

void intake_txn_drop_content(struct intake_txn *t) {
    gate_free(t->gate);
    t->gate = NULL;
    store_body_free(t->body);
    t->body = NULL;
    buf_done(&t->header);
}

void intake_txn_free(struct intake_txn *t) {
    if (t == NULL)
        return;
    if (t->op != NULL)
        store_op_cancel(t->op);
    t->op = NULL;
    intake_txn_drop_content(t);
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

static bool add_recipient(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply) {
    struct address a;
    if (!address_parse(rcpt, &a)) {
        intake_reply_set(ret_reply, "501 5.1.3 Error: bad recipient address syntax");
        return false;
    }
    switch (
        recipients_add(&t->recipients, &t->arena, &a, slice_from_cstr(t->config->mail_domain), INTAKE_RECIPIENTS_MAX)) {
    case RECIPIENTS_ADDED:
    case RECIPIENTS_KNOWN:
        intake_reply_set(ret_reply, "250 2.1.5 OK");
        return true;
    case RECIPIENTS_TOO_MANY:
        break;
    }
    intake_reply_set(ret_reply, "452 4.5.3 Error: too many recipients");
    return false;
}

bool intake_txn_rcpt(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply) {
    ASSERT(t->on_done == NULL);
    if (!policy_check_sender(t->mail_from, t->login, ret_reply) || !check_rate(t, ret_reply))
        return false;
    struct buf scratch;
    buf_init(&scratch, ADDRESS_MAX);
    bool ok = add_recipient(t, qualify_postmaster(t, rcpt, &scratch), ret_reply);
    buf_done(&scratch);
    return ok;
}

size_t intake_txn_n_rcpts(const struct intake_txn *t) {
    return t->recipients.n;
}

// ---- octets ----

static void tell_ready(void *arg) {
    struct intake_txn *t = arg;
    if (t->on_ready != NULL)
        t->on_ready(t->on_ready_arg);
}

void intake_txn_set_on_ready(struct intake_txn *t, void (*on_ready)(void *arg), void *arg) {
    t->on_ready = on_ready;
    t->on_ready_arg = arg;
}

static bool write_body(struct intake_txn *t, struct slice octets) {
    if (t->body == NULL) {
        t->body = store_body_new(t->in->store, t->loop);
        store_body_set_on_ready(t->body, tell_ready, t);
    }
    return store_body_write(t->body, octets);
}

// The header as it is delivered: what submission removes (RFC 6409 8), then what no delivered message carries.
static bool write_edited_header(struct intake_txn *t) {
    struct buf submitted, delivered;
    buf_init(&submitted, INTAKE_HEADER_EDITED_MAX);
    buf_init(&delivered, INTAKE_HEADER_EDITED_MAX);
    bool ready = true;
    if (header_rewrite(buf_slice(&t->header), HEADER_EDIT_SUBMITTED, &submitted) &&
        header_rewrite(buf_slice(&submitted), HEADER_EDIT_DELIVERED, &delivered))
        ready = write_body(t, buf_slice(&delivered));
    else
        t->header_too_large = true;
    buf_done(&submitted);
    buf_done(&delivered);
    return ready;
}

// The offset after the blank line that closes the header. Looks only at octets not looked at before.
static bool find_header_end(struct intake_txn *t, size_t *ret_end) {
    struct slice h = buf_slice(&t->header);
    if (slice_starts_with(h, SLICE("\r\n"))) {
        *ret_end = 2;
        return true;
    }
    struct slice fresh = slice_sub(h, t->header_seen, h.len);
    size_t at = slice_find_slice(fresh, SLICE("\r\n\r\n"));
    if (at < fresh.len) {
        *ret_end = t->header_seen + at + 4;
        return true;
    }
    t->header_seen = h.len > 3 ? h.len - 3 : 0;
    return false;
}

// Takes what belongs to the header off the front of *octets.
static bool gather_header(struct intake_txn *t, struct slice *octets) {
    size_t before = t->header.len;
    size_t room = INTAKE_HEADER_MAX - before;
    struct slice piece = slice_sub(*octets, 0, room);
    bool appended = buf_append_slice(&t->header, piece);
    ASSERT(appended);
    size_t end;
    if (find_header_end(t, &end)) {
        buf_truncate(&t->header, end);
        t->header_done = true;
        *octets = slice_sub(*octets, end - before, octets->len);
        return write_edited_header(t);
    }
    t->header_too_large = piece.len < octets->len;
    *octets = SLICE_EMPTY;
    return true;
}

void intake_txn_end_content(struct intake_txn *t) {
    if (t->header_done || t->header.len == 0)
        return;
    t->header_done = true;
    (void)write_edited_header(t); // one write: nothing to pause
}

bool intake_txn_write(struct intake_txn *t, struct slice octets) {
    ASSERT(t->on_done == NULL);
    if (octets.len == 0)
        return true;
    t->size += octets.len;
    if (t->size > t->config->max_message_size)
        t->over_size = true;
    if (t->over_size || t->bad_data || t->header_too_large) {
        intake_txn_drop_content(t); // refused at the end; until then octets are only counted
        return true;
    }
    if (t->gate == NULL)
        t->gate = gate_new(GATE_SUBMISSION);
    gate_feed(t->gate, octets);
    bool ready = true;
    if (!t->header_done)
        ready = gather_header(t, &octets);
    if (t->header_too_large) {
        intake_txn_drop_content(t);
        return true;
    }
    if (octets.len > 0)
        ready = write_body(t, octets);
    return ready;
}

void intake_txn_mark_bad_data(struct intake_txn *t) {
    t->bad_data = true;
}
