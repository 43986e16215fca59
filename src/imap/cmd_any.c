// SPDX-License-Identifier: MIT
// Commands that touch neither mailboxes nor messages: CAPABILITY, NOOP and CHECK, LOGOUT (RFC 3501 6.1), ID (RFC 2971),
// ENABLE (RFC 5161), NAMESPACE (RFC 2342).
#include "imap/capability.h"
#include "imap/session.h"
#include "imap/verbs.h"

static bool no_arguments(struct imap_command *cmd) {
    if (imap_parse_end(&cmd->args))
        return true;
    imap_finish_syntax(cmd);
    return false;
}

void imap_cmd_capability(struct imap_command *cmd) {
    if (!no_arguments(cmd))
        return;
    conn_printf(cmd->session->conn, "* CAPABILITY %s\r\n", imap_capabilities(cmd->session));
    imap_finish(cmd, "OK Capability completed");
}

// Also CHECK: there is nothing to check point. What happened meanwhile is told by imap_finish().
void imap_cmd_noop(struct imap_command *cmd) {
    if (no_arguments(cmd))
        imap_finishf(cmd, "OK %s completed", cmd->verb->name.len == 4 ? "Noop" : "Check");
}

void imap_cmd_logout(struct imap_command *cmd) {
    if (!no_arguments(cmd))
        return;
    struct imap_session *s = cmd->session;
    conn_write_cstr(s->conn, "* BYE Logging out\r\n");
    s->state = IMAP_STATE_LOGOUT;
    struct conn *c = s->conn;
    imap_finish(cmd, "OK Logout completed");
    conn_close(c);
}

enum { ID_PAIRS_MAX = 30 };

// id: "ID" SP (NIL / "(" string SP nstring ... ")"); nothing is kept of what the client says about itself.
static bool parse_id(struct imap_parser *p) {
    if (!imap_parse_sp(p))
        return false;
    if (imap_parse_skip_word(p, SLICE("NIL")))
        return imap_parse_end(p);
    if (!imap_parse_char(p, '('))
        return false;
    bool first = true, nil;
    struct slice text;
    for (size_t n = 0; imap_parse_list_more(p, &first); n++)
        if (n == ID_PAIRS_MAX || !imap_parse_string(p, &text) || !imap_parse_sp(p) ||
            !imap_parse_nstring(p, &text, &nil))
            return imap_parse_fail(p, "Invalid ID list");
    return p->error == NULL && imap_parse_end(p);
}

void imap_cmd_id(struct imap_command *cmd) {
    if (!parse_id(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    conn_write_cstr(cmd->session->conn, "* ID (\"name\" \"martlet\")\r\n");
    imap_finish(cmd, "OK ID completed");
}

// No extension of ours changes its behaviour when enabled; unknown names are ignored (RFC 5161 3.1).
void imap_cmd_enable(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct slice name;
    do {
        if (!imap_parse_sp(p) || !imap_parse_atom(p, &name)) {
            imap_finish_syntax(cmd);
            return;
        }
    } while (imap_parse_peek(p) == ' ');
    if (!no_arguments(cmd))
        return;
    conn_write_cstr(cmd->session->conn, "* ENABLED\r\n");
    imap_finish(cmd, "OK Enable completed");
}

void imap_cmd_namespace(struct imap_command *cmd) {
    if (!no_arguments(cmd))
        return;
    conn_write_cstr(cmd->session->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    imap_finish(cmd, "OK Namespace completed");
}
