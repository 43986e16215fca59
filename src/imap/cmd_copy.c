// SPDX-License-Identifier: MIT
// COPY and MOVE (RFC 3501 6.4.7, RFC 6851) with COPYUID (RFC 4315), EXPUNGE and UID EXPUNGE.
#include <stdlib.h>

#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "store/mailbox_ops.h"

static void refuse_copy(struct imap_command *cmd) {
    if (cmd->op->status == STORE_NOT_FOUND)
        imap_finish(cmd, "NO [TRYCREATE] No such mailbox");
    else
        imap_finish_store(cmd, cmd->op->status);
}

static void on_copied(struct imap_command *cmd) {
    const struct store_copy *copy = CONTAINER_OF(cmd->op, struct store_copy, op);
    struct imap_session *s = cmd->session;
    if (cmd->op->status != STORE_OK) {
        refuse_copy(cmd);
        return;
    }
    if (copy->ret_n_uids == 0) {
        imap_finish(cmd, "OK No messages found");
        return;
    }
    char *from = imap_format_uid_set(copy->ret_from_uids, copy->ret_n_uids);
    char *to = imap_format_uid_set(copy->ret_to_uids, copy->ret_n_uids);
    uint32_t validity = copy->ret_uid_validity;
    if (copy->move) {
        // RFC 6851 4.3: COPYUID comes before the EXPUNGEs.
        conn_printf(s->conn, "* OK [COPYUID %u %s %s] Moved\r\n", validity, from, to);
        imap_view_expunged(s->view, copy->ret_from_uids, copy->ret_n_uids);
        imap_finish(cmd, "OK Move completed");
    } else {
        imap_finishf(cmd, "OK [COPYUID %u %s %s] Copy completed", validity, from, to);
    }
    free(from);
    free(to);
}

static void copy(struct imap_command *cmd, bool move) {
    struct imap_session *s = cmd->session;
    struct imap_parser *p = &cmd->args;
    struct imap_set set;
    struct slice target;
    if (!imap_parse_sp(p) || !imap_set_parse(p, &set) || !imap_parse_mailbox(p, &target) || !imap_parse_end(p)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (move && s->view->read_only) {
        imap_finish(cmd, "NO [READ-ONLY] Mailbox is open read-only");
        return;
    }
    if (!imap_view_resolve(s->view, &set, cmd->uid)) {
        imap_finish(cmd, "BAD Invalid sequence number");
        return;
    }
    if (target.len > STORE_MAILBOX_NAME_MAX) {
        imap_finish(cmd, "NO [TRYCREATE] No such mailbox");
        return;
    }
    if (set.n == 0) {
        imap_finish(cmd, "OK No messages found");
        return;
    }
    struct store_copy *op = store_copy_new(s->account_id, s->view->mailbox_id, set.ranges, set.n, target, move);
    op->origin = s->id;
    imap_command_submit(cmd, &op->op, on_copied);
}

void imap_cmd_copy(struct imap_command *cmd) {
    copy(cmd, false);
}

void imap_cmd_move(struct imap_command *cmd) {
    copy(cmd, true);
}

static void on_expunged(struct imap_command *cmd) {
    const struct store_expunge *op = CONTAINER_OF(cmd->op, struct store_expunge, op);
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    imap_view_expunged(cmd->session->view, op->ret_uids, op->ret_n_uids);
    imap_finish(cmd, "OK Expunge completed");
}

static void expunge(struct imap_command *cmd, struct imap_set *set) {
    struct imap_session *s = cmd->session;
    if (s->view->read_only) {
        imap_finish(cmd, "NO [READ-ONLY] Mailbox is open read-only");
        return;
    }
    if (s->view->uids.n == 0 || (set != NULL && set->n == 0)) {
        imap_finish(cmd, "OK Expunge completed");
        return;
    }
    struct store_expunge *op =
        store_expunge_new(s->view->mailbox_id, set != NULL ? set->ranges : NULL, set != NULL ? set->n : 0);
    op->origin = s->id;
    imap_command_submit(cmd, &op->op, on_expunged);
}

void imap_cmd_expunge(struct imap_command *cmd) {
    if (imap_parse_end(&cmd->args))
        expunge(cmd, NULL);
    else
        imap_finish_syntax(cmd);
}

void imap_cmd_uid_expunge(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct imap_set set;
    if (!imap_parse_sp(p) || !imap_set_parse(p, &set) || !imap_parse_end(p) ||
        !imap_view_resolve(cmd->session->view, &set, true))
        imap_finish_syntax(cmd);
    else
        expunge(cmd, &set);
}
