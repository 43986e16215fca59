// SPDX-License-Identifier: MIT
// Removing messages that carry \Deleted. They stand in an index of their own, so the rest of the mailbox is not looked
// at. Only the last piece is the submitter's own to tell (message_ops.h).
#include "base/mem.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

enum { PIECE_OCTETS = 1024 * 1024 };

// How many of the loaded ones make a piece: what stands in the database is written over with zeros.
static size_t piece_of(const struct entry_list *l) {
    uint64_t octets = 0;
    size_t n = 0;
    while (n < l->n && octets < PIECE_OCTETS) {
        uint64_t size = l->rows[n++].size;
        octets += size <= STORE_BODY_INLINE_MAX ? size : 0;
    }
    return n;
}

static enum store_status remove_piece(struct db *db, struct store_expunge *e, struct mailbox_row *m,
                                      const struct entry_list *l, size_t n) {
    enum store_status status = STORE_OK;
    e->ret_uids = mem_realloc(e->ret_uids, n * sizeof(*e->ret_uids));
    for (size_t i = 0; i < n && status == STORE_OK; i++) {
        e->ret_uids[e->ret_n_uids++] = l->rows[i].uid;
        status = mailbox_remove_entry(db, m, &l->rows[i]);
        if (status == STORE_OK)
            status = body_unref(db, l->rows[i].body_id);
    }
    if (status != STORE_OK || n == 0)
        return status;
    m->modseq++;
    uint64_t origin = e->op.unfinished ? 0 : e->origin;
    mailbox_note(db, m, STORE_CHANGE_EXPUNGED, origin, e->ret_uids, e->ret_n_uids);
    return mailbox_save(db, m);
}

enum store_status sqlite_expunge(struct backend_conn *c, struct store_op *op) {
    struct store_expunge *e = CONTAINER_OF(op, struct store_expunge, op);
    struct db *db = db_of(c);
    struct mailbox_row m;
    e->ret_n_uids = 0; // those of the piece before are told
    enum store_status status = mailbox_load(db, e->mailbox_id, &m);
    if (status != STORE_OK || m.deleted == 0)
        return status;
    static const struct store_uid_range all = {1, UINT32_MAX};
    struct entry_list entries = {0};
    status = entry_list_load(db, SQL_ENTRY_DELETED, m.id, e->n_ranges > 0 ? e->ranges : &all,
                             e->n_ranges > 0 ? e->n_ranges : 1, ENTRY_PIECE, &entries);
    size_t n = piece_of(&entries);
    op->unfinished = n < entries.n || entries.n == ENTRY_PIECE;
    if (status == STORE_OK)
        status = remove_piece(db, e, &m, &entries, n);
    entry_list_done(&entries);
    return status;
}
