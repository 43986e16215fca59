// SPDX-License-Identifier: MIT
// SEARCH and UID SEARCH (RFC 3501 6.4.4). What numbers alone decide is answered from the view; anything else walks
// through the messages in bounded batches, and through large bodies in pieces.
#include "imap/search.h"
#include "imap/session.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "mail/header.h"

enum {
    BATCH_MESSAGES = 1000,
    BATCH_OCTETS = 256 * 1024,
    PIECE_OCTETS = 256 * 1024,
    VIEW_STEPS_MAX = 1000 * 1000, // keys times messages that are looked at in one go
};

struct search_run {
    struct imap_search search;
    uint32_t next_uid; // where the next batch begins
    struct store_fetch *batch;
    size_t message;
    uint64_t fed;         // octets of the current message that have been fed in pieces
    struct buf window;    // the last piece and the end of the one before
    struct uid_list hits; // UIDs or sequence numbers
};

static void next_message(struct imap_command *cmd);

static void free_run(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    if (run->batch != NULL)
        store_op_free(&run->batch->op);
    buf_done(&run->window);
    uid_list_done(&run->hits);
}

static void reply(struct imap_command *cmd) {
    const struct search_run *run = cmd->state;
    struct conn *c = cmd->session->conn;
    conn_write(c, "* SEARCH", 8);
    for (uint32_t i = 0; i < run->hits.n; i++) {
        conn_write(c, " ", 1);
        imap_write_number(c, run->hits.v[i]);
    }
    conn_write(c, "\r\n", 2);
    imap_finish(cmd, "OK Search completed");
}

static void add_hit(struct imap_command *cmd, uint32_t seq, uint32_t uid) {
    struct search_run *run = cmd->state;
    uid_list_add(&run->hits, cmd->uid ? uid : seq);
}

static void search_view(struct imap_command *cmd) {
    const struct search_run *run = cmd->state;
    const struct imap_view *v = cmd->session->view;
    for (uint32_t i = 0; i < v->n_told; i++) {
        struct imap_search_subject m = {.seq = i + 1, .uid = v->uids.v[i]};
        if (imap_search_matches(&run->search, &m))
            add_hit(cmd, m.seq, m.uid);
    }
    reply(cmd);
}

// ---- one message ----

static size_t header_len(const struct store_message *m) {
    size_t end;
    struct slice data = m->data != NULL ? slice_make(m->data, m->data_len) : SLICE_EMPTY;
    return header_find_end(data, &end) ? end : data.len;
}

static void match_message(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    const struct store_message *m = &run->batch->ret_messages[run->message++];
    struct imap_search_subject subject = {
        .seq = imap_view_seq(cmd->session->view, m->uid),
        .uid = m->uid,
        .flags = m->flags,
        .keywords = m->keywords,
        .size = m->size,
        .internal_date = m->internal_date,
        .header = slice_make(m->data != NULL ? m->data : "", m->data != NULL ? header_len(m) : 0),
    };
    if (subject.seq != 0 && imap_search_matches(&run->search, &subject))
        add_hit(cmd, subject.seq, subject.uid);
}

static void read_piece(struct imap_command *cmd);

static void on_piece(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    const struct store_body_read *read = CONTAINER_OF(cmd->op, struct store_body_read, op);
    const struct store_message *m = &run->batch->ret_messages[run->message];
    // A message that has gone meanwhile is searched as far as it could be read.
    size_t len = cmd->op->status == STORE_OK ? read->ret_data_len : 0;
    ASSERT(buf_append(&run->window, read->ret_data, len));
    struct slice window = buf_slice(&run->window);
    imap_search_feed(&run->search, window, run->fed - (window.len - len), header_len(m));
    run->fed += len;
    size_t keep = run->search.longest_text > 0 ? run->search.longest_text - 1 : 0;
    if (window.len > keep)
        buf_consume(&run->window, window.len - keep);
    if (len > 0 && run->fed < m->size) {
        read_piece(cmd);
        return;
    }
    match_message(cmd);
    next_message(cmd);
}

static void read_piece(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    struct store_body_read *read = store_body_read_new(&run->batch->ret_messages[run->message], run->fed, PIECE_OCTETS);
    imap_command_submit(cmd, &read->op, on_piece);
}

// ---- batches ----

static void on_batch(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    run->batch = CONTAINER_OF(imap_command_take_op(cmd), struct store_fetch, op);
    run->message = 0;
    next_message(cmd);
}

static void next_batch(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    if (run->batch != NULL) {
        const struct store_fetch *done = run->batch;
        bool more = done->ret_more && done->ret_n_messages > 0;
        run->next_uid = more ? done->ret_messages[done->ret_n_messages - 1].uid + 1 : 0;
        store_op_free(&run->batch->op);
        run->batch = NULL;
    }
    if (run->next_uid == 0) {
        reply(cmd);
        return;
    }
    struct store_uid_range range = {run->next_uid, UINT32_MAX};
    struct store_fetch *fetch = store_fetch_new(cmd->session->view->mailbox_id, &range, 1, run->search.want);
    fetch->max_messages = BATCH_MESSAGES;
    fetch->max_octets = BATCH_OCTETS;
    imap_command_submit(cmd, &fetch->op, on_batch);
}

static void next_message(struct imap_command *cmd) {
    struct search_run *run = cmd->state;
    while (run->batch != NULL && run->message < run->batch->ret_n_messages) {
        const struct store_message *m = &run->batch->ret_messages[run->message];
        imap_search_begin_message(&run->search);
        if (run->search.n_texts > 0 && (m->data == NULL || m->data_len < m->size)) {
            run->fed = 0;
            buf_truncate(&run->window, 0);
            read_piece(cmd);
            return;
        }
        if (run->search.n_texts > 0)
            imap_search_feed(&run->search, slice_make(m->data, m->data_len), 0, header_len(m));
        match_message(cmd);
    }
    next_batch(cmd);
}

void imap_cmd_search(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct search_run *run = imap_command_alloc(cmd, sizeof(*run));
    const struct imap_view *v = cmd->session->view;
    if (!imap_parse_sp(p) || !imap_search_parse(p, &run->search)) {
        if (run->search.bad_charset)
            imap_finish(cmd, "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset");
        else
            imap_finish_syntax(cmd);
        return;
    }
    cmd->state = run;
    cmd->on_free = free_run;
    buf_init(&run->window, PIECE_OCTETS + IMAP_SEARCH_TEXT_MAX);
    imap_search_resolve(&run->search, v->n_told, v->n_told > 0 ? v->uids.v[v->n_told - 1] : 0);
    // A great many keys on a great many messages go in batches, so that other connections have their turns.
    bool small = (uint64_t)v->n_told * run->search.n_keys <= VIEW_STEPS_MAX;
    if (!run->search.needs_store && small) {
        search_view(cmd);
    } else {
        run->next_uid = v->n_told > 0 ? v->uids.v[0] : 0;
        next_batch(cmd);
    }
}
