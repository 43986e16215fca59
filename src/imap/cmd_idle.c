// SPDX-License-Identifier: MIT
// IDLE (RFC 2177). Clients throw away everything up to the continuation, so the continuation comes strictly first, and
// what arrived since SELECT follows in the same write. Nothing but EXISTS (and the keep-alive) is told before DONE: any
// other line would wake every device of the user for nothing.
#include "imap/session.h"
#include "imap/verbs.h"

void imap_cmd_idle(struct imap_command *cmd) {
    if (!imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    struct imap_session *s = cmd->session;
    imap_session_begin_idle(s, cmd->tag);
    s->command = NULL;
    imap_command_free(cmd);
    conn_write_cstr(s->conn, "+ idling\r\n");
    if (s->view != NULL)
        imap_view_tell_added(s->view, s->conn);
}
