// SPDX-License-Identifier: MIT
// GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 2087): one root for everything an account has, counted in units of 1024 octets.
#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "store/account_ops.h"

#define QUOTA_ROOT "User quota"

struct quota_request {
    struct slice mailbox; // GETQUOTAROOT
    bool with_root;
};

static uint64_t kib(uint64_t octets) {
    return octets / 1024 + (octets % 1024 != 0);
}

static void on_quota(struct imap_command *cmd) {
    const struct quota_request *r = cmd->state;
    const struct store_quota *q = CONTAINER_OF(cmd->op, struct store_quota, op);
    struct conn *c = cmd->session->conn;
    if (cmd->op->status != STORE_OK) {
        imap_finish(cmd, "NO [UNAVAILABLE] Try again later");
        return;
    }
    if (r->with_root) {
        conn_write_cstr(c, "* QUOTAROOT ");
        imap_write_string(c, r->mailbox);
        conn_write_cstr(c, " \"" QUOTA_ROOT "\"\r\n");
    }
    conn_printf(c, "* QUOTA \"" QUOTA_ROOT "\" (STORAGE %llu %llu)\r\n", (unsigned long long)kib(q->ret_used),
                (unsigned long long)kib(q->ret_limit));
    imap_finish(cmd, r->with_root ? "OK Getquotaroot completed" : "OK Getquota completed");
}

static void submit(struct imap_command *cmd) {
    imap_command_submit(cmd, &store_quota_new(cmd->session->account_id)->op, on_quota);
}

void imap_cmd_getquota(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct slice root;
    cmd->state = imap_command_alloc(cmd, sizeof(struct quota_request));
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &root) || !imap_parse_end(p))
        imap_finish_syntax(cmd);
    else if (!slice_eq(root, SLICE(QUOTA_ROOT)))
        imap_finish(cmd, "NO [NONEXISTENT] No such quota root");
    else
        submit(cmd);
}

void imap_cmd_getquotaroot(struct imap_command *cmd) {
    struct quota_request *r = imap_command_alloc(cmd, sizeof(*r));
    r->with_root = true;
    cmd->state = r;
    if (!imap_parse_mailbox(&cmd->args, &r->mailbox) || !imap_parse_end(&cmd->args))
        imap_finish_syntax(cmd);
    else
        submit(cmd);
}

void imap_cmd_setquota(struct imap_command *cmd) {
    imap_finish(cmd, "NO [NOPERM] Quota is set by the operator");
}
