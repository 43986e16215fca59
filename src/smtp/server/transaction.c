// SPDX-License-Identifier: MIT
// Between the session and the intake: a transaction's life, its pauses and its one log line.
#include "base/clock.h"
#include "base/log.h"
#include "intake/intake.h"
#include "smtp/server/session.h"

static void on_ready(void *arg) {
    smtp_session_go_on(arg, SMTP_WAIT_DISK);
}

void smtp_transaction_begin(struct smtp_session *s, struct slice mail_from) {
    s->state = SMTP_STATE_ENVELOPE;
    s->n_refused = 0;
    if (smtp_session_is_relay(s)) {
        s->txn = intake_txn_new_inbound(s->server->intake, conn_loop(s->conn), mail_from);
    } else if (s->address != NULL) { // else every recipient will be refused
        struct intake_sender sender = {
            .account_id = s->account_id, .login = slice_from_cstr(s->address), .blocked = s->blocked};
        s->txn = intake_txn_new(s->server->intake, conn_loop(s->conn), &sender, mail_from);
    }
    if (s->txn != NULL)
        intake_txn_set_on_ready(s->txn, on_ready, s);
}

void smtp_transaction_drop(struct smtp_session *s) {
    intake_txn_free(s->txn);
    s->txn = NULL;
    s->n_refused = 0;
    if (s->state != SMTP_STATE_GREETED)
        s->state = SMTP_STATE_READY;
}

size_t smtp_transaction_n_rcpts(const struct smtp_session *s) {
    return s->txn != NULL ? intake_txn_n_rcpts(s->txn) : 0;
}

// A client that pipelines MAIL, RCPT and DATA and sees a recipient refused goes on with QUIT. After 354 that would be
// the text of a message, so after a refusal no 354 is given (RFC 2920 3.1 asks clients to be ready for that). Other
// mail servers know what they do: they send to those who were accepted.
const char *smtp_transaction_refusal(const struct smtp_session *s) {
    if (smtp_transaction_n_rcpts(s) == 0)
        return s->n_refused > 0 ? "554 5.5.1 Error: no valid recipients" : "503 5.5.1 Error: need RCPT command";
    bool counts = s->n_refused > 0 && !smtp_session_is_relay(s);
    return counts ? "554 5.5.1 Error: a recipient was refused" : NULL;
}

void smtp_transaction_start_message(struct smtp_session *s) {
    s->message_octets = 0;
    s->message_began_us = clock_mono_us();
}

void smtp_transaction_write(struct smtp_session *s, struct slice octets) {
    s->message_octets += octets.len;
    if (octets.len > 0 && !intake_txn_write(s->txn, octets))
        smtp_session_wait(s, SMTP_WAIT_DISK);
}

static void log_end(const struct smtp_session *s, const struct intake_reply *reply) {
    bool accepted = reply->text[0] == '2';
    log_info(accepted ? "smtp.accepted" : "smtp.refused", "sid=%llx code=%.3s rcpts=%zu size=%llu ms=%llu",
             (unsigned long long)s->sid, reply->text, smtp_transaction_n_rcpts(s),
             (unsigned long long)s->message_octets,
             (unsigned long long)((clock_mono_us() - s->message_began_us) / 1000));
}

static void on_done(void *arg, const struct intake_reply *reply) {
    struct smtp_session *s = arg;
    log_end(s, reply);
    if (reply->text[0] == '2') {
        s->useful_ms = clock_mono_ms();
        s->n_errors = 0;
    }
    smtp_session_reply(s, "%s", reply->text);
    smtp_transaction_drop(s); // the reply is gone with it
    smtp_session_go_on(s, SMTP_WAIT_DISK | SMTP_WAIT_COMMIT);
    smtp_session_expect_command(s);
}

void smtp_transaction_finish(struct smtp_session *s) {
    smtp_session_wait(s, SMTP_WAIT_COMMIT);
    intake_txn_finish(s->txn, on_done, s);
}
