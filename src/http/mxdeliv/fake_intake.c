// SPDX-License-Identifier: MIT
#include "http/mxdeliv/fake_intake.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mail/address.h"

struct intake_txn {
    struct intake *in;
    struct loop_timer ready, verdict;
    bool owes_ready, is_finished;
    void (*on_ready)(void *arg);
    void *ready_arg;
    void (*on_done)(void *arg, const struct intake_reply *reply);
    void *done_arg;
    struct intake_reply reply;
};

static void on_ready_due(struct loop_timer *timer) {
    struct intake_txn *t = CONTAINER_OF(timer, struct intake_txn, ready);
    t->owes_ready = false;
    ASSERT(t->on_ready != NULL);
    t->on_ready(t->ready_arg);
}

static void on_verdict_due(struct loop_timer *timer) {
    struct intake_txn *t = CONTAINER_OF(timer, struct intake_txn, verdict);
    (void)snprintf(t->reply.text, sizeof(t->reply.text), "%s", t->in->reply);
    t->on_done(t->done_arg, &t->reply);
}

struct intake_txn *intake_txn_new_inbound(struct intake *in, struct loop *loop, struct slice mail_from) {
    struct intake_txn *t = MEM_NEW(struct intake_txn);
    t->in = in;
    loop_timer_init(&t->ready, loop, on_ready_due);
    loop_timer_init(&t->verdict, loop, on_verdict_due);
    (void)snprintf(in->from, sizeof(in->from), "%.*s", SLICE_FMT(mail_from));
    in->n_made++;
    in->n_alive++;
    in->n_rcpts = 0;
    in->is_finished = false;
    buf_done(&in->rcpts);
    buf_done(&in->message);
    return t;
}

void intake_txn_free(struct intake_txn *t) {
    if (t == NULL)
        return;
    loop_timer_done(&t->ready);
    loop_timer_done(&t->verdict);
    t->in->n_alive--;
    memset(&t->reply, 'x', sizeof(t->reply)); // nobody may look at it any more
    free(t);
}

bool intake_txn_rcpt(struct intake_txn *t, struct slice rcpt, struct intake_reply *ret_reply) {
    struct address a;
    if (!address_parse(rcpt, &a))
        (void)snprintf(ret_reply->text, sizeof(ret_reply->text), "501 5.1.3 Error: bad recipient address syntax");
    else if (!slice_eq(a.domain, SLICE("b.example")))
        (void)snprintf(ret_reply->text, sizeof(ret_reply->text), "554 5.7.1 <%.*s>: Relay access denied",
                       SLICE_FMT(rcpt));
    else if (t->in->n_rcpts == INTAKE_RECIPIENTS_MAX)
        (void)snprintf(ret_reply->text, sizeof(ret_reply->text), "452 4.5.3 Error: too many recipients");
    else
        return buf_printf(&t->in->rcpts, "%.*s ", SLICE_FMT(rcpt)) && ++t->in->n_rcpts > 0;
    return false;
}

size_t intake_txn_n_rcpts(const struct intake_txn *t) {
    return t->in->n_rcpts;
}

void intake_txn_set_on_ready(struct intake_txn *t, void (*on_ready)(void *arg), void *arg) {
    t->on_ready = on_ready;
    t->ready_arg = arg;
}

bool intake_txn_write_mxdeliv(struct intake_txn *t, struct slice octets) {
    ASSERT(!t->is_finished && !t->owes_ready && octets.len > 0); // it was asked to pause
    ASSERT(buf_append_slice(&t->in->message, octets));
    if (!t->in->is_slow)
        return true;
    t->owes_ready = true;
    loop_timer_start(&t->ready, 0);
    return false;
}

void intake_txn_finish(struct intake_txn *t, void (*on_done)(void *arg, const struct intake_reply *reply), void *arg) {
    ASSERT(!t->is_finished && !t->owes_ready && t->in->n_rcpts > 0);
    t->is_finished = t->in->is_finished = true;
    t->in->n_finished++;
    t->on_done = on_done;
    t->done_arg = arg;
    if (t->in->reply != NULL)
        loop_timer_start(&t->verdict, 0);
}

void fake_intake_init(struct intake *in, const char *reply) {
    *in = (struct intake){.reply = reply};
    buf_init(&in->rcpts, 1024 * 1024);
    buf_init(&in->message, FAKE_INTAKE_MESSAGE_MAX);
}

void fake_intake_done(struct intake *in) {
    ASSERT(in->n_alive == 0);
    buf_done(&in->rcpts);
    buf_done(&in->message);
}
