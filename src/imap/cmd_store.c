// SPDX-License-Identifier: MIT
// STORE and UID STORE (RFC 3501 6.4.6). A large set is changed in batches: each is one write to the store, and the mail
// of all others waits for it.
#include <stdlib.h>
#include <string.h>

#include "imap/flags.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"

enum { BATCH_MESSAGES = 500 };

struct store_request {
    struct imap_set set; // UIDs still to be changed
    struct imap_flags flags;
    enum store_flags_mode mode;
    bool silent;
    size_t n_told; // results of the batch written so far
};

static bool parse_store(struct imap_parser *p, struct store_request *r) {
    if (!imap_parse_sp(p) || !imap_set_parse(p, &r->set) || !imap_parse_sp(p))
        return false;
    r->mode = imap_parse_skip(p, '+')   ? STORE_FLAGS_ADD
              : imap_parse_skip(p, '-') ? STORE_FLAGS_REMOVE
                                        : STORE_FLAGS_REPLACE;
    if (!imap_parse_skip_word(p, SLICE("FLAGS")))
        return imap_parse_fail(p, "Unknown store item");
    if (imap_parse_skip(p, '.')) {
        r->silent = imap_parse_skip_word(p, SLICE("SILENT"));
        if (!r->silent)
            return imap_parse_fail(p, "Unknown store item");
    }
    return imap_parse_sp(p) && imap_flags_parse(p, true, &r->flags) && imap_parse_end(p);
}

static void write_result(struct imap_command *cmd, const struct store_flags_result *result) {
    struct imap_session *s = cmd->session;
    uint32_t seq = imap_view_seq(s->view, result->uid);
    if (seq == 0)
        return;
    conn_write(s->conn, "* ", 2);
    imap_write_number(s->conn, seq);
    conn_write(s->conn, " FETCH (", 8);
    if (cmd->uid) {
        conn_write(s->conn, "UID ", 4);
        imap_write_number(s->conn, result->uid);
        conn_write(s->conn, " ", 1);
    }
    imap_write_flags(s->conn, result->flags, result->keywords);
    conn_write(s->conn, ")\r\n", 3);
}

static void change_batch(struct imap_command *cmd);

// A line for each message, no faster than the client reads.
static void write_results(struct imap_command *cmd) {
    struct store_request *r = cmd->state;
    const struct store_flags *op = CONTAINER_OF(cmd->op, struct store_flags, op);
    while (r->n_told < op->ret_n_results && !r->silent) {
        if (conn_out_len(cmd->session->conn) > CONN_OUT_HIGH)
            return; // on_drain
        write_result(cmd, &op->ret_results[r->n_told++]);
    }
    cmd->on_drain = NULL;
    if (r->set.n > 0)
        change_batch(cmd);
    else
        imap_finish(cmd, "OK Store completed");
}

static void on_stored(struct imap_command *cmd) {
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    cmd->on_drain = write_results;
    write_results(cmd);
}

static void change_batch(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    struct store_request *r = cmd->state;
    uint32_t last = imap_view_nth(s->view, &r->set, BATCH_MESSAGES);
    size_t n = 1;
    while (n < r->set.n && r->set.ranges[n].first <= last)
        n++;
    struct store_uid_range *end = &r->set.ranges[n - 1];
    uint32_t end_last = end->last;
    end->last = end_last < last ? end_last : last;
    struct store_flags *op = store_flags_new(s->view->mailbox_id, r->set.ranges, n);
    end->last = end_last;
    imap_set_skip_to(&r->set, last);
    op->mode = r->mode;
    op->flags = r->flags.system;
    memcpy(op->keywords, r->flags.keywords, sizeof(op->keywords));
    op->origin = s->id;
    r->n_told = 0;
    imap_command_submit(cmd, &op->op, on_stored);
}

void imap_cmd_store(struct imap_command *cmd) {
    struct imap_session *s = cmd->session;
    struct store_request *r = imap_command_alloc(cmd, sizeof(*r));
    cmd->state = r;
    if (!parse_store(&cmd->args, r)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (s->view->read_only) {
        imap_finish(cmd, "NO [READ-ONLY] Mailbox is open read-only");
        return;
    }
    if (!imap_view_resolve(s->view, &r->set, cmd->uid)) {
        imap_finish(cmd, "BAD Invalid sequence number");
        return;
    }
    if (r->set.n == 0) {
        imap_finish(cmd, "OK Store completed");
        return;
    }
    change_batch(cmd);
}
