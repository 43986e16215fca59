// SPDX-License-Identifier: MIT
// LOGIN, AUTHENTICATE PLAIN with and without initial response (RFC 3501 6.2, RFC 4616, RFC 4959), STARTTLS.
// The account service decides; this only carries names and passwords to it. Nothing secret passes before TLS.
#include <string.h>

#include "account/account.h"
#include "base/base64.h"
#include "imap/capability.h"
#include "imap/session.h"
#include "imap/verbs.h"

enum { CREDENTIAL_MAX = 1024 }; // octets of a name or a password

static void on_login(void *arg, const struct account_login_result *r) {
    struct imap_command *cmd = arg;
    struct imap_session *s = cmd->session;
    cmd->login = NULL;
    switch (r->verdict) {
    case ACCOUNT_OK:
        // RFC 5530 3. The word "authentication" must not stand here either.
        if (!imap_session_logged_in(s, r->account_id, r->inbox_id))
            imap_finish(cmd, "NO [LIMIT] Too many connections for this account");
        else
            imap_finishf(cmd, "OK [CAPABILITY %s] Logged in", imap_capabilities(s));
        return;
    case ACCOUNT_DENIED:
        imap_finish(cmd, "NO [AUTHENTICATIONFAILED] Authentication failed.");
        return;
    case ACCOUNT_UNAVAILABLE:
        // The word "authentication" would make clients tell their user that the password is wrong.
        imap_finish(cmd, "NO [UNAVAILABLE] Try again later");
        return;
    }
}

static void start_login(struct imap_command *cmd, struct slice user, struct slice password) {
    struct imap_session *s = cmd->session;
    if (user.len > CREDENTIAL_MAX || password.len > CREDENTIAL_MAX) {
        imap_finish(cmd, "NO [AUTHENTICATIONFAILED] Authentication failed.");
        return;
    }
    struct net_address peer = conn_peer(s->conn);
    cmd->login = account_login_start(s->server->accounts, conn_loop(s->conn), ACCOUNT_IMAP, user, password, &peer,
                                     on_login, cmd);
}

static bool refuse_clear_text(struct imap_command *cmd) {
    if (conn_is_tls(cmd->session->conn))
        return false;
    imap_finish(cmd, "NO [PRIVACYREQUIRED] Start TLS first");
    return true;
}

void imap_cmd_login(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct slice user, password;
    if (refuse_clear_text(cmd))
        return;
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &user) || !imap_parse_sp(p) || !imap_parse_astring(p, &password) ||
        !imap_parse_end(p))
        imap_finish_syntax(cmd);
    else
        start_login(cmd, user, password);
}

// RFC 4616: [authzid] NUL authcid NUL passwd. Acting for somebody else is not possible.
static bool parse_plain(struct slice message, struct slice *ret_user, struct slice *ret_password) {
    struct slice authzid, rest;
    return slice_cut(message, '\0', &authzid, &rest) && slice_cut(rest, '\0', ret_user, ret_password) &&
           ret_user->len > 0 && slice_find(*ret_password, '\0') == ret_password->len &&
           (authzid.len == 0 || slice_eq_ci(authzid, *ret_user));
}

static void take_response(struct imap_command *cmd, struct slice response) {
    if (response.len > 2 * CREDENTIAL_MAX) {
        imap_finish(cmd, "BAD Response too long");
        return;
    }
    char *decoded = imap_command_alloc(cmd, response.len);
    size_t len;
    struct slice user, password;
    if (!base64_decode(response, decoded, &len))
        imap_finish(cmd, "BAD Invalid base64");
    else if (!parse_plain(slice_make(decoded, len), &user, &password))
        imap_finish(cmd, "NO [AUTHENTICATIONFAILED] Authentication failed.");
    else
        start_login(cmd, user, password);
}

static void on_response(struct imap_command *cmd, struct slice line) {
    cmd->on_line = NULL;
    cmd->session->reader.raw = false;
    if (slice_eq(line, SLICE("*")))
        imap_finish(cmd, "BAD Cancelled");
    else
        take_response(cmd, line);
}

void imap_cmd_authenticate(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct slice mechanism, initial;
    if (refuse_clear_text(cmd))
        return;
    if (!imap_parse_sp(p) || !imap_parse_atom(p, &mechanism)) {
        imap_finish_syntax(cmd);
        return;
    }
    bool has_initial = imap_parse_skip(p, ' ');
    // An initial response is base64, or "=" for an empty one (RFC 4959 3).
    if ((has_initial && !imap_parse_atom(p, &initial)) || !imap_parse_end(p)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (!slice_eq_ci(mechanism, SLICE("PLAIN"))) {
        imap_finish(cmd, "NO [CANNOT] Unsupported mechanism");
    } else if (has_initial) {
        take_response(cmd, slice_eq(initial, SLICE("=")) ? SLICE_EMPTY : initial);
    } else {
        cmd->on_line = on_response;
        cmd->session->reader.raw = true;
        conn_write_cstr(cmd->session->conn, "+ \r\n");
    }
}

void imap_cmd_starttls(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    if (!imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (conn_is_tls(s->conn) || s->server->tls == NULL) {
        imap_finish(cmd, "BAD TLS is active already");
        return;
    }
    struct conn *c = s->conn;
    struct tls_context *tls = s->server->tls;
    imap_finish(cmd, "OK Begin TLS negotiation now");
    // Drops what came in clear after the command (RFC 3501 6.2.1).
    if (!conn_is_closing(c))
        conn_start_tls(c, tls);
}
