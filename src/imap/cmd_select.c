// SPDX-License-Identifier: MIT
// SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 6.3.1, 6.3.2, 6.4.2; RFC 3691).
#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/shown.h"
#include "imap/verbs.h"
#include "store/mailbox_ops.h"

struct select_request {
    struct slice name;
    struct imap_view *view; // until the session takes it
};

static void free_select(struct imap_command *cmd) {
    struct select_request *r = cmd->state;
    imap_view_free(r->view);
}

// Clients stop at a missing UIDVALIDITY and spend a round trip on a missing UIDNEXT.
static void write_selected(struct imap_command *cmd, const struct imap_view *v, uint32_t first_unseen_uid) {
    struct conn *c = cmd->session->conn;
    conn_write_cstr(c, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n");
    conn_write_cstr(c, v->read_only
                           ? "* OK [PERMANENTFLAGS ()] Read-only\r\n"
                           : "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags\r\n");
    conn_printf(c, "* %u EXISTS\r\n* 0 RECENT\r\n", v->n_told);
    uint32_t unseen = first_unseen_uid != 0 ? imap_view_seq(v, first_unseen_uid) : 0;
    if (unseen != 0)
        conn_printf(c, "* OK [UNSEEN %u] First unseen\r\n", unseen);
    conn_printf(c, "* OK [UIDVALIDITY %u] UIDs valid\r\n* OK [UIDNEXT %u] Next UID\r\n", v->uid_validity, v->uid_next);
}

static void on_opened(struct imap_command *cmd) {
    struct select_request *r = cmd->state;
    struct store_mailbox_open *opened = CONTAINER_OF(cmd->op, struct store_mailbox_open, op);
    // An account that was deleted between its login and this session's watching it: there always is an INBOX.
    if (cmd->op->status == STORE_NOT_FOUND && imap_mailbox_is_inbox(r->name))
        imap_session_account_gone(cmd->session);
    if (cmd->op->status != STORE_OK || opened->ret_mailbox_id != r->view->mailbox_id) {
        imap_finish_store(cmd, cmd->op->status != STORE_OK ? cmd->op->status : STORE_NOT_FOUND);
        return;
    }
    struct imap_view *v = r->view;
    r->view = NULL;
    imap_view_load(v, opened);
    v->n_told = v->uids.n;
    imap_session_select(cmd->session, v);
    imap_shown_selected(cmd->session, opened);
    write_selected(cmd, v, opened->ret_first_unseen_uid);
    imap_finish(cmd, v->read_only ? "OK [READ-ONLY] Examine completed" : "OK [READ-WRITE] Select completed");
}

static void watch_and_open(struct imap_command *cmd, uint64_t mailbox_id) {
    struct select_request *r = cmd->state;
    imap_view_watch(r->view, mailbox_id);
    imap_command_submit(cmd, &store_mailbox_open_new(cmd->session->account_id, r->name, true)->op, on_opened);
}

static void on_found(struct imap_command *cmd) {
    struct store_mailbox_open *found = CONTAINER_OF(cmd->op, struct store_mailbox_open, op);
    if (cmd->op->status == STORE_OK)
        watch_and_open(cmd, found->ret_mailbox_id);
    else
        imap_finish_store(cmd, cmd->op->status);
}

static void select_mailbox(struct imap_command *cmd, bool read_only) {
    struct imap_session *s = cmd->session;
    struct slice name;
    if (!imap_parse_mailbox(&cmd->args, &name) || !imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    // RFC 3501 6.3.1: the mailbox selected before is given up even when this fails.
    imap_session_select(s, NULL);
    if (name.len > STORE_MAILBOX_NAME_MAX) {
        imap_finish_store(cmd, STORE_NOT_FOUND);
        return;
    }
    struct select_request *r = imap_command_alloc(cmd, sizeof(*r));
    r->name = name;
    r->view = imap_view_new(s->server->hub, conn_loop(s->conn), s->id, NULL, NULL);
    r->view->read_only = read_only;
    cmd->state = r;
    cmd->on_free = free_select;
    // The mailbox must be watched before it is read. INBOX is known; of any other one the number is asked first.
    if (imap_mailbox_is_inbox(name))
        watch_and_open(cmd, s->inbox_id);
    else
        imap_command_submit(cmd, &store_mailbox_open_new(s->account_id, name, false)->op, on_found);
}

void imap_cmd_select(struct imap_command *cmd) {
    select_mailbox(cmd, false);
}

void imap_cmd_examine(struct imap_command *cmd) {
    select_mailbox(cmd, true);
}

static void on_closed(struct imap_command *cmd) {
    enum store_status status = cmd->op->status;
    // The messages stay \Deleted when the store has failed; a mailbox deleted meanwhile has nothing to expunge.
    if (status != STORE_OK && status != STORE_NOT_FOUND) {
        imap_finish_store(cmd, status);
        return;
    }
    imap_session_select(cmd->session, NULL);
    imap_finish(cmd, "OK Close completed");
}

void imap_cmd_close(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    if (!imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (s->view->read_only || s->view->uids.n == 0) {
        imap_session_select(s, NULL);
        imap_finish(cmd, "OK Close completed");
        return;
    }
    struct store_expunge *expunge = store_expunge_new(s->view->mailbox_id, NULL, 0);
    expunge->origin = s->id;
    imap_command_submit(cmd, &expunge->op, on_closed);
}

void imap_cmd_unselect(struct imap_command *cmd) {
    if (!imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    imap_session_select(cmd->session, NULL);
    imap_finish(cmd, "OK Unselect completed");
}
