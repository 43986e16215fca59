// SPDX-License-Identifier: MIT
// FETCH and UID FETCH (RFC 3501 6.4.5). Messages are read from the store in batches bounded in octets; a reply to a few
// small messages is one operation and one write. Bodies that do not fit into a batch are read and written in pieces,
// their literal's length being known beforehand. Whenever the client does not read fast enough, the command waits for
// on_drain.
#include <stdlib.h>

#include "base/log.h"
#include "imap/envelope.h"
#include "imap/fetch_items.h"
#include "imap/session.h"
#include "imap/shown.h"
#include "imap/verbs.h"
#include "imap/writer.h"
#include "mail/date.h"

enum {
    BATCH_MESSAGES = 1000,
    BATCH_OCTETS = 256 * 1024,
    PIECE_OCTETS = 256 * 1024,
};

struct fetch_run {
    struct imap_fetch request;
    struct imap_set set; // UIDs still to be read
    struct store_fetch *batch;
    size_t message, item;         // where in the batch
    bool message_open;            // "* n FETCH (" is written
    uint64_t piece_at, piece_end; // a section that is being read in pieces
    struct uid_list unseen;       // delivered without PEEK and not \Seen so far
};

static void pump(struct imap_command *cmd);

static void free_run(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    if (run->batch != NULL)
        store_op_free(&run->batch->op);
    uid_list_done(&run->unseen);
}

// A reply that has been announced cannot be completed: the client must not take what follows for the rest of the
// message.
static void give_up(struct imap_command *cmd) {
    log_error("imap.fetch", "sid=%llx body became unreadable, connection closed", (unsigned long long)cmd->session->id);
    conn_abort(cmd->session->conn);
}

static void on_looked(struct imap_command *cmd) {
    const struct store_fetch *fetch = CONTAINER_OF(cmd->op, struct store_fetch, op);
    if (cmd->op->status != STORE_OK || fetch->ret_n_messages > 0) {
        give_up(cmd);
        return;
    }
    log_info("imap.fetch", "sid=%llx message deleted while it was sent, connection closed",
             (unsigned long long)cmd->session->id);
    conn_abort(cmd->session->conn);
}

// There is no body. That another session has deleted the message is nobody's mistake; a message without one is.
static void give_up_unless_deleted(struct imap_command *cmd) {
    const struct fetch_run *run = cmd->state;
    uint32_t uid = run->batch->ret_messages[run->message].uid;
    struct store_fetch *fetch =
        store_fetch_new(cmd->session->view->mailbox_id, &(struct store_uid_range){uid, uid}, 1, 0);
    imap_command_submit(cmd, &fetch->op, on_looked);
}

// ---- one item ----

static struct slice message_data(const struct store_message *m) {
    return m->data != NULL ? slice_make(m->data, m->data_len) : SLICE_EMPTY;
}

static void write_label(struct conn *c, const struct imap_fetch_item *item) {
    struct buf label;
    buf_init(&label, IMAP_FETCH_LABEL_MAX);
    ASSERT(imap_fetch_write_label(item, &label));
    conn_write_slice(c, buf_slice(&label));
    conn_write(c, " ", 1);
    buf_done(&label);
}

// Writes what is in memory; of the rest only the announcement: the pieces follow.
static void write_section(struct imap_command *cmd, const struct imap_fetch_item *item, const struct store_message *m) {
    struct fetch_run *run = cmd->state;
    struct conn *c = cmd->session->conn;
    struct slice data = message_data(m);
    struct buf fields;
    struct imap_span span;
    buf_init(&fields, IMAP_FETCH_FIELDS_MAX);
    write_label(c, item);
    ASSERT(imap_fetch_span(item, data, m->size, &fields, &span));
    imap_write_literal_start(c, span.len);
    struct slice source = span.selected ? buf_slice(&fields) : data;
    if (span.offset + span.len <= source.len) {
        conn_write_slice(c, slice_sub(source, (size_t)span.offset, (size_t)(span.offset + span.len)));
    } else {
        run->piece_at = span.offset;
        run->piece_end = span.offset + span.len;
    }
    buf_done(&fields);
}

static void write_item(struct imap_command *cmd, const struct imap_fetch_item *item, const struct store_message *m) {
    struct conn *c = cmd->session->conn;
    char date[DATE_TEXT_SIZE];
    switch (item->kind) {
    case IMAP_FETCH_FLAGS:
        imap_write_flags(c, m->flags, m->keywords);
        break;
    case IMAP_FETCH_UID:
        conn_write(c, "UID ", 4);
        imap_write_number(c, m->uid);
        break;
    case IMAP_FETCH_SIZE:
        conn_write(c, "RFC822.SIZE ", 12);
        imap_write_number(c, m->size);
        break;
    case IMAP_FETCH_DATE:
        date_write_imap(m->internal_date, date);
        conn_printf(c, "INTERNALDATE \"%s\"", date);
        break;
    case IMAP_FETCH_ENVELOPE:
        imap_write_envelope(c, message_data(m));
        break;
    case IMAP_FETCH_SECTION:
        write_section(cmd, item, m);
        break;
    }
}

// ---- pieces of a large section ----

static void on_piece(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    const struct store_body_read *read = CONTAINER_OF(cmd->op, struct store_body_read, op);
    uint64_t left = run->piece_end - run->piece_at;
    size_t expected = left < PIECE_OCTETS ? (size_t)left : PIECE_OCTETS;
    if (cmd->op->status == STORE_NOT_FOUND) {
        give_up_unless_deleted(cmd);
        return;
    }
    if (cmd->op->status != STORE_OK || read->ret_data_len != expected) {
        give_up(cmd);
        return;
    }
    conn_write(cmd->session->conn, read->ret_data, expected);
    run->piece_at += expected;
    pump(cmd);
}

static void read_piece(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    uint64_t left = run->piece_end - run->piece_at;
    size_t len = left < PIECE_OCTETS ? (size_t)left : PIECE_OCTETS;
    struct store_body_read *read = store_body_read_new(&run->batch->ret_messages[run->message], run->piece_at, len);
    imap_command_submit(cmd, &read->op, on_piece);
}

// ---- the end: \Seen ----

static void on_seen_set(struct imap_command *cmd) {
    const struct store_flags *flags = CONTAINER_OF(cmd->op, struct store_flags, op);
    struct imap_session *s = cmd->session;
    for (size_t i = 0; cmd->op->status == STORE_OK && i < flags->ret_n_results; i++) {
        const struct store_flags_result *r = &flags->ret_results[i];
        conn_printf(s->conn, "* %u FETCH (UID %u ", imap_view_seq(s->view, r->uid), r->uid);
        imap_write_flags(s->conn, r->flags, r->keywords);
        conn_write_cstr(s->conn, ")\r\n");
    }
    imap_finish(cmd, "OK Fetch completed");
}

// \Seen is set on what the client has now been given, and the new flags are told (RFC 3501 6.4.5).
static void finish_fetch(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    struct imap_session *s = cmd->session;
    if (run->unseen.n == 0) {
        imap_finish(cmd, "OK Fetch completed");
        return;
    }
    struct imap_set set;
    imap_set_from_list(&run->unseen, &set);
    struct store_flags *flags = store_flags_new(s->view->mailbox_id, set.ranges, set.n);
    free(set.ranges);
    flags->mode = STORE_FLAGS_ADD;
    flags->flags = STORE_FLAG_SEEN;
    flags->origin = s->id;
    imap_command_submit(cmd, &flags->op, on_seen_set);
}

// ---- batches ----

static void on_batch(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    if (cmd->op->status != STORE_OK) {
        imap_finish_store(cmd, cmd->op->status);
        return;
    }
    run->batch = CONTAINER_OF(imap_command_take_op(cmd), struct store_fetch, op);
    run->message = run->item = 0;
    pump(cmd);
}

static void read_batch(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    struct store_fetch *fetch =
        store_fetch_new(cmd->session->view->mailbox_id, run->set.ranges, run->set.n, run->request.want);
    fetch->max_messages = BATCH_MESSAGES;
    fetch->max_octets = BATCH_OCTETS;
    imap_command_submit(cmd, &fetch->op, on_batch);
}

static void end_batch(struct fetch_run *run) {
    const struct store_fetch *batch = run->batch;
    if (batch->ret_more && batch->ret_n_messages > 0)
        imap_set_skip_to(&run->set, batch->ret_messages[batch->ret_n_messages - 1].uid);
    else
        run->set.n = 0;
    store_op_free(&run->batch->op);
    run->batch = NULL;
}

// Writes the next item of the current message, or its end.
static void step(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    struct imap_session *s = cmd->session;
    const struct store_message *m = &run->batch->ret_messages[run->message];
    uint32_t seq = imap_view_seq(s->view, m->uid);
    if (!run->message_open && seq == 0) {
        run->message++; // arrived since the command began; it has not been announced
        return;
    }
    if (run->item < run->request.n) {
        if (run->message_open) {
            conn_write(s->conn, " ", 1);
        } else {
            conn_write(s->conn, "* ", 2);
            imap_write_number(s->conn, seq);
            conn_write(s->conn, " FETCH (", 8);
            run->message_open = true;
        }
        write_item(cmd, &run->request.items[run->item++], m);
        return;
    }
    conn_write(s->conn, ")\r\n", 3);
    if (run->request.sets_seen && !s->view->read_only && (m->flags & STORE_FLAG_SEEN) == 0)
        uid_list_add(&run->unseen, m->uid);
    imap_shown_fetched(s, m->uid, m->size);
    run->message_open = false;
    run->item = 0;
    run->message++;
}

// Goes on until something has to be waited for: the store, the client, or nothing any more.
static void pump(struct imap_command *cmd) {
    struct fetch_run *run = cmd->state;
    struct conn *c = cmd->session->conn;
    for (;;) {
        if (conn_is_closing(c))
            return;
        if (conn_out_len(c) > CONN_OUT_HIGH)
            return; // on_drain
        if (run->piece_at < run->piece_end) {
            read_piece(cmd);
            return;
        }
        if (run->batch != NULL && run->message < run->batch->ret_n_messages) {
            step(cmd);
            continue;
        }
        if (run->batch != NULL)
            end_batch(run);
        if (run->set.n == 0) {
            finish_fetch(cmd);
            return;
        }
        read_batch(cmd);
        return;
    }
}

static void on_drain(struct imap_command *cmd) {
    if (!cmd->op_running && cmd->reply == NULL)
        pump(cmd);
}

void imap_cmd_fetch(struct imap_command *cmd) {
    struct imap_parser *p = &cmd->args;
    struct fetch_run *run = imap_command_alloc(cmd, sizeof(*run));
    if (!imap_parse_sp(p) || !imap_set_parse(p, &run->set) || !imap_parse_sp(p) ||
        !imap_fetch_parse(p, cmd->uid, &run->request) || !imap_parse_end(p)) {
        imap_finish_syntax(cmd);
        return;
    }
    if (!imap_view_resolve(cmd->session->view, &run->set, cmd->uid)) {
        imap_finish(cmd, "BAD Invalid sequence number");
        return;
    }
    cmd->state = run;
    cmd->on_free = free_run;
    cmd->on_drain = on_drain;
    pump(cmd);
}
