// SPDX-License-Identifier: MIT
// LIST and LSUB (RFC 3501 6.3.8, 6.3.9), with children (RFC 3348) and special-use attributes (RFC 6154).
#include <string.h>

#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "store/mailbox_ops.h"

struct list_request {
    struct slice pattern; // reference and pattern together
    const char *response; // "LIST" or "LSUB"
    bool subscribed_only;
};

static bool has_children(const struct store_mailbox_list *list, struct slice name) {
    for (size_t i = 0; i < list->ret_n_mailboxes; i++) {
        struct slice other = slice_from_cstr(list->ret_mailboxes[i].name);
        if (other.len > name.len && slice_starts_with(other, name) && other.ptr[name.len] == '/')
            return true;
    }
    return false;
}

static void write_mailbox(struct imap_command *cmd, const struct store_mailbox_list *list, struct slice name) {
    const struct list_request *r = cmd->state;
    struct conn *c = cmd->session->conn;
    const char *use = imap_mailbox_special_use(name);
    conn_printf(c, "* %s (%s%s%s) \"/\" ", r->response, has_children(list, name) ? "\\HasChildren" : "\\HasNoChildren",
                use != NULL ? " " : "", use != NULL ? use : "");
    imap_write_string(c, name);
    conn_write(c, "\r\n", 2);
}

static void on_listed(struct imap_command *cmd) {
    const struct list_request *r = cmd->state;
    struct store_mailbox_list *list = CONTAINER_OF(cmd->op, struct store_mailbox_list, op);
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    for (size_t i = 0; i < list->ret_n_mailboxes; i++) {
        const struct store_mailbox_info *m = &list->ret_mailboxes[i];
        struct slice name = slice_from_cstr(m->name);
        if ((m->subscribed || !r->subscribed_only) && imap_mailbox_matches(name, r->pattern))
            write_mailbox(cmd, list, name);
    }
    imap_finish(cmd, r->subscribed_only ? "OK Lsub completed" : "OK List completed");
}

enum { PATTERN_MAX = 1024 };

static void list(struct imap_command *cmd, const char *response, bool subscribed_only) {
    struct imap_parser *p = &cmd->args;
    struct slice reference, pattern;
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &reference) || !imap_parse_sp(p) ||
        !imap_parse_list_mailbox(p, &pattern) || !imap_parse_end(p)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (reference.len + pattern.len > PATTERN_MAX) {
        imap_finish(cmd, "NO [CANNOT] Pattern too long");
        return;
    }
    if (pattern.len == 0 && !subscribed_only) {
        // RFC 3501 6.3.8: asks for the hierarchy delimiter.
        conn_write_cstr(cmd->session->conn, "* LIST (\\Noselect) \"/\" \"\"\r\n");
        imap_finish(cmd, "OK List completed");
        return;
    }
    struct list_request *r = imap_command_alloc(cmd, sizeof(*r));
    char *joined = imap_command_alloc(cmd, reference.len + pattern.len);
    memcpy(joined, reference.ptr, reference.len);
    memcpy(joined + reference.len, pattern.ptr, pattern.len);
    *r = (struct list_request){slice_make(joined, reference.len + pattern.len), response, subscribed_only};
    cmd->state = r;
    imap_command_submit(cmd, &store_mailbox_list_new(cmd->session->account_id)->op, on_listed);
}

void imap_cmd_list(struct imap_command *cmd) {
    list(cmd, "LIST", false);
}

void imap_cmd_lsub(struct imap_command *cmd) {
    list(cmd, "LSUB", true);
}
