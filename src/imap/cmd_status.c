// SPDX-License-Identifier: MIT
// STATUS (RFC 3501 6.3.10).
#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "store/mailbox_ops.h"

enum status_item { STATUS_MESSAGES, STATUS_RECENT, STATUS_UIDNEXT, STATUS_UIDVALIDITY, STATUS_UNSEEN, STATUS_ITEMS };

static const struct slice item_names[STATUS_ITEMS] = {
    [STATUS_MESSAGES] = {"MESSAGES", 8},        [STATUS_RECENT] = {"RECENT", 6}, [STATUS_UIDNEXT] = {"UIDNEXT", 7},
    [STATUS_UIDVALIDITY] = {"UIDVALIDITY", 11}, [STATUS_UNSEEN] = {"UNSEEN", 6},
};

struct status_request {
    struct slice name;
    bool wanted[STATUS_ITEMS];
};

static bool parse_item(struct imap_parser *p, struct status_request *r) {
    struct slice atom;
    if (!imap_parse_atom(p, &atom))
        return false;
    for (size_t i = 0; i < STATUS_ITEMS; i++) {
        if (slice_eq_ci(atom, item_names[i])) {
            r->wanted[i] = true;
            return true;
        }
    }
    return imap_parse_fail(p, "Unknown status item");
}

static bool parse_status(struct imap_parser *p, struct status_request *r) {
    if (!imap_parse_mailbox(p, &r->name) || !imap_parse_sp(p) || !imap_parse_char(p, '('))
        return false;
    bool first = true;
    while (imap_parse_list_more(p, &first))
        if (!parse_item(p, r))
            return false;
    return p->error == NULL && (!first || imap_parse_fail(p, "Empty list of status items")) && imap_parse_end(p);
}

static void on_opened(struct imap_command *cmd) {
    const struct status_request *r = cmd->state;
    const struct store_mailbox_open *m = CONTAINER_OF(cmd->op, struct store_mailbox_open, op);
    struct conn *c = cmd->session->conn;
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    const uint32_t values[STATUS_ITEMS] = {
        [STATUS_MESSAGES] = m->ret_messages,
        [STATUS_UIDNEXT] = m->ret_uid_next,
        [STATUS_UIDVALIDITY] = m->ret_uid_validity,
        [STATUS_UNSEEN] = m->ret_unseen,
    };
    conn_write_cstr(c, "* STATUS ");
    imap_write_string(c, r->name);
    const char *separator = " (";
    for (size_t i = 0; i < STATUS_ITEMS; i++) {
        if (!r->wanted[i])
            continue;
        conn_printf(c, "%s%.*s %u", separator, SLICE_FMT(item_names[i]), values[i]);
        separator = " ";
    }
    conn_write_cstr(c, ")\r\n");
    imap_finish(cmd, "OK Status completed");
}

void imap_cmd_status(struct imap_command *cmd) {
    struct status_request *r = imap_command_alloc(cmd, sizeof(*r));
    cmd->state = r;
    if (!parse_status(&cmd->args, r))
        imap_finish_syntax(cmd);
    else if (r->name.len > STORE_MAILBOX_NAME_MAX)
        imap_finish_store(cmd, STORE_NOT_FOUND);
    else
        imap_command_submit(cmd, &store_mailbox_open_new(cmd->session->account_id, r->name, false)->op, on_opened);
}
