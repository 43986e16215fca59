// SPDX-License-Identifier: MIT
// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7).
#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "store/mailbox_ops.h"

static void on_edited(struct imap_command *cmd) {
    static const char *const done[] = {
        [STORE_MAILBOX_CREATE] = "OK Create completed",           [STORE_MAILBOX_DELETE] = "OK Delete completed",
        [STORE_MAILBOX_RENAME] = "OK Rename completed",           [STORE_MAILBOX_SUBSCRIBE] = "OK Subscribe completed",
        [STORE_MAILBOX_UNSUBSCRIBE] = "OK Unsubscribe completed",
    };
    struct store_mailbox_edit *edit = CONTAINER_OF(cmd->op, struct store_mailbox_edit, op);
    if (cmd->op->status == STORE_OK)
        imap_finish(cmd, done[edit->kind]);
    else if (cmd->op->status == STORE_QUOTA)
        imap_finish(cmd, "NO [LIMIT] Too many mailboxes");
    else
        imap_finish_store(cmd, cmd->op->status);
}

static void submit_edit(struct imap_command *cmd, enum store_mailbox_edit_kind kind, struct slice name,
                        struct slice to) {
    struct store_mailbox_edit *edit = store_mailbox_edit_new(kind, cmd->session->account_id, name, to);
    edit->origin = cmd->session->id;
    imap_command_submit(cmd, &edit->op, on_edited);
}

static bool check_new_name(struct imap_command *cmd, struct slice *name) {
    // CREATE "foo/" says that children will follow; the name is "foo" (RFC 3501 6.3.3).
    if (name->len > 1 && name->ptr[name->len - 1] == '/')
        name->len--;
    if (imap_mailbox_name_is_valid(*name))
        return true;
    imap_finish(cmd, "NO [CANNOT] Invalid mailbox name");
    return false;
}

static void edit(struct imap_command *cmd, enum store_mailbox_edit_kind kind) {
    struct slice name;
    if (!imap_parse_mailbox(&cmd->args, &name) || !imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (name.len > STORE_MAILBOX_NAME_MAX) {
        imap_finish_store(cmd, STORE_NOT_FOUND);
        return;
    }
    if (kind != STORE_MAILBOX_CREATE || check_new_name(cmd, &name))
        submit_edit(cmd, kind, name, SLICE_EMPTY);
}

void imap_cmd_create(struct imap_command *cmd) {
    edit(cmd, STORE_MAILBOX_CREATE);
}

void imap_cmd_delete(struct imap_command *cmd) {
    edit(cmd, STORE_MAILBOX_DELETE);
}

void imap_cmd_subscribe(struct imap_command *cmd) {
    edit(cmd, STORE_MAILBOX_SUBSCRIBE);
}

void imap_cmd_unsubscribe(struct imap_command *cmd) {
    edit(cmd, STORE_MAILBOX_UNSUBSCRIBE);
}

void imap_cmd_rename(struct imap_command *cmd) {
    struct slice from, to;
    if (!imap_parse_mailbox(&cmd->args, &from) || !imap_parse_mailbox(&cmd->args, &to) || !imap_parse_end(&cmd->args)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (!check_new_name(cmd, &to))
        return;
    if (from.len > STORE_MAILBOX_NAME_MAX)
        imap_finish_store(cmd, STORE_NOT_FOUND);
    else
        submit_edit(cmd, STORE_MAILBOX_RENAME, from, to);
}
