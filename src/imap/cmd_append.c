// SPDX-License-Identifier: MIT
// APPEND (RFC 3501 6.3.11) with APPENDUID (RFC 4315). The command begins when its message is announced; the message
// then streams from the connection straight into a body of the store, and nothing of it is held here.
#include <string.h>

#include "config/config.h"
#include "imap/flags.h"
#include "imap/mailbox_name.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "mail/date.h"
#include "store/body.h"
#include "store/mailbox_ops.h"
#include "store/message_ops.h"

struct append_run {
    struct slice mailbox;
    struct imap_flags flags;
    int64_t date;
    struct store_body *body; // until the operation takes it
    uint64_t left;           // octets of the message still to come
    bool waiting;            // the connection is paused until the body takes more
    bool has_nul;
};

// "SP mailbox [SP flag-list] [SP date-time] SP", up to the literal.
static bool parse_append(struct imap_parser *p, size_t literal_offset, struct append_run *run) {
    struct slice date;
    if (!imap_parse_mailbox(p, &run->mailbox) || !imap_parse_sp(p))
        return false;
    if (imap_parse_peek(p) == '(' && (!imap_flags_parse(p, false, &run->flags) || !imap_parse_sp(p)))
        return false;
    if (imap_parse_peek(p) == '"') {
        if (!imap_parse_string(p, &date) || !imap_parse_sp(p))
            return false;
        if (!date_parse_imap(date, &run->date))
            return imap_parse_fail(p, "Invalid date");
    }
    return p->pos == literal_offset || imap_parse_fail(p, "Expected the message as a literal");
}

static void free_run(struct imap_command *cmd) {
    struct append_run *run = cmd->state;
    store_body_free(run->body);
}

// ---- the end ----

static void on_appended(struct imap_command *cmd) {
    const struct store_append *op = CONTAINER_OF(cmd->op, struct store_append, op);
    if (cmd->op->status == STORE_OK)
        imap_finishf(cmd, "OK [APPENDUID %u %u] Append completed", op->ret_uid_validity, op->ret_uid);
    else if (cmd->op->status == STORE_NOT_FOUND)
        imap_finish(cmd, "NO [TRYCREATE] No such mailbox");
    else
        imap_finish_store(cmd, cmd->op->status);
}

static void on_body_finished(void *arg, enum store_status status) {
    struct imap_command *cmd = arg;
    struct append_run *run = cmd->state;
    if (status != STORE_OK) {
        imap_finish_store(cmd, status);
        return;
    }
    struct store_append *op = store_append_new(run->body, cmd->session->account_id, run->mailbox);
    run->body = NULL;
    op->flags = run->flags.system;
    memcpy(op->keywords, run->flags.keywords, sizeof(op->keywords));
    op->internal_date = run->date;
    op->origin = cmd->session->id;
    imap_command_submit(cmd, &op->op, on_appended);
}

// What follows the message on its line: nothing.
static void on_rest(struct imap_command *cmd, struct slice line) {
    struct append_run *run = cmd->state;
    cmd->on_line = NULL;
    if (slice_trim(line).len > 0)
        imap_finish(cmd, "BAD Unexpected extra argument");
    else if (run->has_nul)
        imap_finish(cmd, "BAD NUL in literal");
    else
        store_body_finish(run->body, on_body_finished, cmd);
}

// ---- the message ----

static void on_body_ready(void *arg) {
    struct imap_command *cmd = arg;
    struct append_run *run = cmd->state;
    if (!run->waiting)
        return;
    run->waiting = false;
    conn_resume(cmd->session->conn);
}

static size_t take_octets(struct imap_command *cmd, struct slice octets) {
    struct append_run *run = cmd->state;
    size_t n = octets.len < run->left ? octets.len : (size_t)run->left;
    struct slice part = slice_sub(octets, 0, n);
    run->left -= n;
    run->has_nul |= n > 0 && memchr(part.ptr, '\0', n) != NULL;
    // A message that will be refused need not be kept.
    if (!run->has_nul && !store_body_write(run->body, part)) {
        run->waiting = true;
        conn_pause(cmd->session->conn);
    }
    if (run->left == 0) {
        cmd->on_octets = NULL;
        cmd->on_line = on_rest;
    }
    return n;
}

static uint64_t message_size_limit(const struct imap_session *s) {
    const struct config *config = config_acquire(s->server->config);
    uint64_t limit = config->max_message_size;
    config_release(s->server->config, config);
    return limit;
}

void imap_cmd_append(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    struct append_run *run = imap_command_alloc(cmd, sizeof(*run));
    const struct imap_literal *literal = &s->reader.literal;
    cmd->state = run;
    if (!parse_append(&cmd->args, s->literal_pending ? literal->offset : SIZE_MAX, run)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (run->mailbox.len > STORE_MAILBOX_NAME_MAX) {
        imap_finish(cmd, "NO [TRYCREATE] No such mailbox");
        return;
    }
    if (literal->len > message_size_limit(s)) {
        imap_finish(cmd, "NO [TOOBIG] Message too large");
        return;
    }
    if (literal->len == 0) {
        imap_finish(cmd, "NO [CANNOT] Message is empty");
        return;
    }
    s->literal_pending = false;
    run->left = literal->len;
    run->body = store_body_new(s->server->store, conn_loop(s->conn));
    store_body_set_on_ready(run->body, on_body_ready, cmd);
    cmd->on_free = free_run;
    cmd->on_octets = take_octets;
    if (literal->sync)
        conn_write_cstr(s->conn, "+ OK\r\n");
}
