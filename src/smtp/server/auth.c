// SPDX-License-Identifier: MIT
// AUTH PLAIN and AUTH LOGIN (RFC 4954, RFC 4616). The first login makes the account. Passwords are wiped when they are
// handed on.
#include "account/account.h"
#include "base/base64.h"
#include "base/mem.h"
#include "smtp/parser.h"
#include "smtp/sasl.h"
#include "smtp/server/session.h"

enum { DECODED_MAX = SMTP_AUTH_LINE_MAX / 4 * 3 };

#define ASK_USER "334 VXNlcm5hbWU6"     // "Username:"
#define ASK_PASSWORD "334 UGFzc3dvcmQ6" // "Password:"

// ---- the login ----

// The word "authentication" stands in a refusal only; clients take it for a wrong password.
static void on_login(void *arg, const struct account_login_result *r) {
    struct smtp_session *s = arg;
    s->login = NULL;
    switch (r->verdict) {
    case ACCOUNT_OK:
        s->address = slice_dup(slice_from_cstr(r->address));
        s->account_id = r->account_id;
        s->blocked = r->blocked;
        smtp_session_reply(s, "235 2.7.0 Authentication successful");
        break;
    case ACCOUNT_DENIED:
        smtp_session_refuse(s, "535 5.7.8 Error: authentication failed");
        break;
    case ACCOUNT_UNAVAILABLE:
        smtp_session_reply(s, "454 4.7.0 Temporary failure, try again later");
        break;
    }
    smtp_session_go_on(s, SMTP_WAIT_LOGIN);
    smtp_session_expect_command(s);
}

static void start_login(struct smtp_session *s, struct slice user, struct slice password) {
    struct net_address peer = conn_peer(s->conn);
    smtp_session_wait(s, SMTP_WAIT_LOGIN);
    s->login = account_login_start(s->server->accounts, conn_loop(s->conn), ACCOUNT_SUBMISSION, user, password, &peer,
                                   on_login, s);
}

// ---- the responses ----

// Each mechanism's next step, given a decoded response.
typedef void auth_step(struct smtp_session *s, struct slice response);

static void plain_response(struct smtp_session *s, struct slice response) {
    struct sasl_plain p;
    smtp_session_expect_command(s);
    if (!sasl_plain_parse(response, &p))
        smtp_session_refuse(s, "501 5.5.2 Error: malformed response");
    else if (p.authorization.len > 0 && !slice_eq_ci(p.authorization, p.user))
        smtp_session_refuse(s, "535 5.7.8 Error: authentication failed"); // nobody acts for another
    else
        start_login(s, p.user, p.password);
}

static void login_password(struct smtp_session *s, struct slice response) {
    smtp_session_expect_command(s);
    if (response.len == 0)
        smtp_session_refuse(s, "501 5.5.2 Error: malformed response");
    else
        start_login(s, buf_slice(&s->auth_user), response);
    buf_done(&s->auth_user);
}

static size_t take_password(struct smtp_session *s, struct slice octets);

static void login_user(struct smtp_session *s, struct slice response) {
    buf_done(&s->auth_user);
    if (response.len == 0 || !buf_append_slice(&s->auth_user, response)) {
        smtp_session_expect_command(s);
        smtp_session_refuse(s, "501 5.5.2 Error: malformed response");
        return;
    }
    smtp_session_reply(s, ASK_PASSWORD);
    smtp_session_expect(s, take_password, SMTP_TIMEOUT_STRANGER_MS);
}

static void decode_response(struct smtp_session *s, struct slice encoded, auth_step *step) {
    char decoded[DECODED_MAX + 3];
    size_t len = 0;
    if (slice_eq(encoded, SLICE("*"))) {
        smtp_session_expect_command(s);
        smtp_session_refuse(s, "501 5.7.0 Authentication aborted");
    } else if (encoded.len > SMTP_AUTH_LINE_MAX || !base64_decode(encoded, decoded, &len)) {
        smtp_session_expect_command(s);
        smtp_session_refuse(s, "501 5.5.2 Error: malformed base64");
    } else {
        step(s, slice_make(decoded, len));
    }
    explicit_bzero(decoded, sizeof(decoded));
}

// One line of response (RFC 4954 4).
static size_t take_response(struct smtp_session *s, struct slice octets, auth_step *step) {
    struct slice line;
    size_t used;
    bool ended;
    switch (smtp_line_take(octets, SMTP_AUTH_LINE_MAX, &line, &used, &ended)) {
    case SMTP_LINE_MORE:
        break;
    case SMTP_LINE_OK:
        decode_response(s, line, step);
        break;
    case SMTP_LINE_TOO_LONG:
        smtp_session_expect_command(s);
        if (!ended)
            s->take = smtp_session_skip_line;
        smtp_session_refuse(s, "500 5.5.6 Error: line too long");
        break;
    case SMTP_LINE_BARE_LF:
    case SMTP_LINE_BAD:
        smtp_session_expect_command(s);
        smtp_session_refuse(s, "501 5.5.2 Error: malformed response");
        break;
    }
    return used;
}

static size_t take_plain(struct smtp_session *s, struct slice octets) {
    return take_response(s, octets, plain_response);
}
static size_t take_user(struct smtp_session *s, struct slice octets) {
    return take_response(s, octets, login_user);
}
static size_t take_password(struct smtp_session *s, struct slice octets) {
    return take_response(s, octets, login_password);
}

// ---- the command ----

struct mechanism {
    const char *name;
    const char *challenge;
    auth_step *initial; // the response that came with the command
    size_t (*take)(struct smtp_session *s, struct slice octets);
};

static const struct mechanism mechanisms[] = {
    {"PLAIN", "334 ", plain_response, take_plain},
    {"LOGIN", ASK_USER, login_user, take_user},
};

void smtp_cmd_auth(struct smtp_session *s, struct slice argument) {
    if (s->address != NULL) {
        smtp_session_refuse(s, "503 5.5.1 Error: already authenticated");
        return;
    }
    struct slice rest = argument;
    struct slice name = slice_next_word(&rest);
    struct slice initial = slice_trim(rest);
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        const struct mechanism *m = &mechanisms[i];
        if (!slice_eq_ci(name, slice_from_cstr(m->name)))
            continue;
        if (initial.len > 0) {
            decode_response(s, slice_eq(initial, SLICE("=")) ? SLICE_EMPTY : initial, m->initial);
        } else {
            smtp_session_reply(s, "%s", m->challenge);
            smtp_session_expect(s, m->take, SMTP_TIMEOUT_STRANGER_MS);
        }
        return;
    }
    smtp_session_refuse(s, "504 5.5.4 Error: unrecognized mechanism");
}
