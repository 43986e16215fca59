// SPDX-License-Identifier: MIT
#include "smtp/server/session.h"

#include <stdarg.h>
#include <strings.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "intake/intake.h"
#include "smtp/parser.h"

// ---- replies ----

PRINTF_LIKE(2, 0)
static void write_reply(struct smtp_session *s, const char *fmt, va_list args) {
    struct buf line;
    buf_init(&line, 4 * SMTP_LINE_MAX);
    bool ok = buf_vprintf(&line, fmt, args) && buf_append_cstr(&line, "\r\n");
    ASSERT(ok);
    conn_write_slice(s->conn, buf_slice(&line));
    buf_done(&line);
}

void smtp_session_reply(struct smtp_session *s, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    write_reply(s, fmt, args);
    va_end(args);
}

void smtp_session_close(struct smtp_session *s, const char *reply) {
    smtp_session_reply(s, "%s", reply);
    conn_close(s->conn);
}

void smtp_session_refuse(struct smtp_session *s, const char *reply) {
    smtp_session_reply(s, "%s", reply);
    if (++s->n_errors >= SMTP_ERRORS_MAX)
        smtp_session_close(s, "421 4.7.0 Error: too many errors");
}

bool smtp_session_is_relay(const struct smtp_session *s) {
    return s->server->role == SMTP_ROLE_RELAY;
}

// ---- waiting ----

void smtp_session_wait(struct smtp_session *s, enum smtp_wait what) {
    if (s->waits == 0)
        conn_pause(s->conn);
    s->waits |= what;
}

void smtp_session_go_on(struct smtp_session *s, unsigned what) {
    if (s->waits == 0)
        return;
    s->waits &= ~what;
    if (s->waits == 0)
        conn_resume(s->conn);
}

// ---- lines ----

void smtp_session_expect(struct smtp_session *s, size_t (*take)(struct smtp_session *, struct slice),
                         uint32_t timeout_ms) {
    s->take = take;
    conn_set_timeout(s->conn, timeout_ms);
}

// Places are few; whoever trickles octets must not keep one for ever.
static bool has_overstayed(const struct smtp_session *s) {
    uint64_t life = smtp_session_is_relay(s) ? SMTP_LIFE_RELAY_MS : SMTP_LIFE_STRANGER_MS;
    return s->address == NULL && clock_mono_ms() - s->useful_ms > life;
}

static size_t take_command(struct smtp_session *s, struct slice octets) {
    size_t max = slice_starts_with_ci(octets, SLICE("AUTH ")) ? SMTP_AUTH_LINE_MAX : SMTP_LINE_MAX;
    struct slice line;
    size_t used;
    bool ended;
    switch (smtp_line_take(octets, max, &line, &used, &ended)) {
    case SMTP_LINE_MORE:
        break;
    case SMTP_LINE_OK:
        smtp_command_run(s, line);
        break;
    case SMTP_LINE_TOO_LONG:
        if (!ended)
            s->take = smtp_session_skip_line;
        smtp_session_refuse(s, "500 5.5.2 Error: line too long");
        break;
    case SMTP_LINE_BARE_LF:
        smtp_session_refuse(s, "500 5.5.2 Error: bare <LF> received");
        break;
    case SMTP_LINE_BAD:
        smtp_session_refuse(s, "500 5.5.2 Error: control character in command");
        break;
    }
    return used;
}

size_t smtp_session_skip_line(struct smtp_session *s, struct slice octets) {
    size_t lf = slice_find(octets, '\n');
    if (lf == octets.len)
        return octets.len;
    smtp_session_expect_command(s);
    return lf + 1;
}

void smtp_session_expect_command(struct smtp_session *s) {
    bool is_known = s->address != NULL || smtp_session_is_relay(s);
    smtp_session_expect(s, take_command, is_known ? SMTP_TIMEOUT_IDLE_MS : SMTP_TIMEOUT_STRANGER_MS);
    if (s->stopping)
        smtp_session_close(s, "421 4.3.2 Service shutting down");
}

// ---- what the connection calls ----

static void greet(struct smtp_session *s) {
    switch (conn_admission(s->conn)) {
    case CONN_TOO_MANY:
        smtp_session_close(s, "421 4.7.0 Error: too many connections");
        return;
    case CONN_TOO_MANY_FROM_ADDRESS:
        smtp_session_close(s, "421 4.7.0 Error: too many connections from your address");
        return;
    case CONN_ADMITTED:
        break;
    }
    const struct config *config = config_acquire(s->server->config);
    smtp_session_reply(s, "220 %s ESMTP martlet", config->mail_domain);
    config_release(s->server->config, config);
}

void *smtp_session_open(void *arg, struct conn *c) {
    struct smtp_session *s = MEM_NEW(struct smtp_session);
    s->server = arg;
    s->conn = c;
    s->sid = log_session_id();
    s->useful_ms = clock_mono_ms();
    s->state = SMTP_STATE_GREETED;
    buf_init(&s->auth_user, SMTP_AUTH_LINE_MAX);
    smtp_session_expect_command(s);
    greet(s);
    return s;
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct smtp_session *s = session;
    if (has_overstayed(s)) {
        smtp_session_close(s, "421 4.4.2 Error: timeout exceeded");
        return len;
    }
    return s->take(s, slice_make(data, len));
}

// RFC 3207 4.2: nothing learned before the handshake counts.
static void on_tls(void *session) {
    struct smtp_session *s = session;
    smtp_transaction_drop(s);
    s->state = SMTP_STATE_GREETED;
    s->n_errors = 0;
    smtp_session_expect_command(s);
}

static void on_timeout(void *session) {
    struct smtp_session *s = session;
    if (s->waits == 0) // else it is we who are slow
        smtp_session_close(s, "421 4.4.2 Error: timeout exceeded");
}

// A message that is arriving may end; whatever is not begun does not begin.
static void on_shutdown(void *session) {
    struct smtp_session *s = session;
    s->stopping = true;
    bool in_message = s->txn != NULL && s->take != take_command;
    if (s->waits == 0 && !in_message)
        smtp_session_close(s, "421 4.3.2 Service shutting down");
}

static void on_close(void *session, enum conn_end why) {
    struct smtp_session *s = session;
    (void)why; // clients end by closing; that is no news
    if (s->login != NULL)
        account_login_cancel(s->login);
    smtp_transaction_drop(s);
    buf_done(&s->auth_user);
    free(s->address);
    free(s);
}

const struct conn_ops smtp_session_ops = {
    .on_read = on_read,
    .on_tls = on_tls,
    .on_timeout = on_timeout,
    .on_shutdown = on_shutdown,
    .on_close = on_close,
};
