// SPDX-License-Identifier: MIT
// IMAP STORE, in pieces: all messages of a piece that change do so under one new modseq.
#include "base/mem.h"
#include "store/keywords.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

static uint32_t new_flags(uint32_t old, enum store_flags_mode mode, uint32_t change) {
    switch (mode) {
    case STORE_FLAGS_REPLACE:
        return change;
    case STORE_FLAGS_ADD:
        return old | change;
    case STORE_FLAGS_REMOVE:
        return old & ~change;
    }
    UNREACHABLE();
}

static void recount(struct mailbox_row *m, uint32_t old, uint32_t new) {
    m->unseen += ((new &STORE_FLAG_SEEN) == 0) - ((old & STORE_FLAG_SEEN) == 0);
    m->deleted += ((new &STORE_FLAG_DELETED) != 0) - ((old & STORE_FLAG_DELETED) != 0);
}

static enum store_status set_flags(struct db *db, uint64_t mailbox_id, const struct store_flags_result *r) {
    struct query q;
    query_begin(&q, db, SQL_ENTRY_SET_FLAGS);
    query_bind_u64(&q, mailbox_id);
    query_bind_u64(&q, r->uid);
    query_bind_u64(&q, r->flags);
    query_bind_text(&q, r->keywords);
    query_bind_u64(&q, r->modseq);
    return query_exec(&q);
}

// The new state of one message; ret_changed when it differs from the old.
static enum store_status apply(struct db *db, struct store_flags *f, struct mailbox_row *m, uint64_t modseq,
                               const struct entry_row *entry, bool *ret_changed) {
    char keywords[STORE_KEYWORDS_MAX + 1];
    if (!keywords_apply(entry->keywords, f->mode, f->keywords, keywords))
        return STORE_INVALID;
    struct store_flags_result *r = &f->ret_results[f->ret_n_results++];
    *r = (struct store_flags_result){
        .uid = entry->uid,
        .flags = new_flags(entry->flags, f->mode, f->flags),
        .keywords = mem_strndup(keywords, strlen(keywords)),
        .modseq = entry->modseq,
    };
    *ret_changed = r->flags != entry->flags || strcmp(r->keywords, entry->keywords) != 0;
    if (!*ret_changed)
        return STORE_OK;
    r->modseq = modseq;
    recount(m, entry->flags, r->flags);
    return set_flags(db, m->id, r);
}

static enum store_status apply_all(struct db *db, struct store_flags *f, struct mailbox_row *m,
                                   const struct entry_list *l) {
    enum store_status status = STORE_OK;
    uint32_t *uids = mem_alloc(l->n * sizeof(*uids));
    size_t n_uids = 0;
    f->ret_results = mem_realloc(f->ret_results, (f->ret_n_results + l->n) * sizeof(*f->ret_results));
    for (size_t i = 0; i < l->n && status == STORE_OK; i++) {
        bool changed = false;
        status = apply(db, f, m, m->modseq + 1, &l->rows[i], &changed);
        if (changed)
            uids[n_uids++] = l->rows[i].uid;
    }
    if (status == STORE_OK && n_uids > 0) {
        m->modseq++;
        mailbox_note(db, m, STORE_CHANGE_FLAGS, f->origin, uids, n_uids);
        status = mailbox_save(db, m);
    }
    free(uids);
    return status;
}

// Takes the UIDs up to `uid` off the ranges.
static void skip_done(struct store_flags *f, uint32_t uid) {
    size_t n = 0;
    for (size_t i = 0; i < f->n_ranges; i++) {
        struct store_uid_range r = f->ranges[i];
        if (r.last <= uid)
            continue;
        r.first = r.first > uid ? r.first : uid + 1;
        f->ranges[n++] = r;
    }
    f->n_ranges = n;
}

enum store_status sqlite_flags(struct backend_conn *c, struct store_op *op) {
    struct store_flags *f = CONTAINER_OF(op, struct store_flags, op);
    struct db *db = db_of(c);
    struct mailbox_row m;
    enum store_status status = mailbox_load(db, f->mailbox_id, &m);
    if (status != STORE_OK)
        return status;
    struct entry_list entries = {0};
    status = entry_list_load(db, SQL_ENTRY_RANGE, m.id, f->ranges, f->n_ranges, ENTRY_PIECE, &entries);
    if (status == STORE_OK)
        status = apply_all(db, f, &m, &entries);
    op->unfinished = entries.n == ENTRY_PIECE;
    if (op->unfinished)
        skip_done(f, entries.rows[entries.n - 1].uid);
    entry_list_done(&entries);
    return status;
}
