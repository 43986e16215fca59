// SPDX-License-Identifier: MIT
// Erasing what is due (store/expiry_ops.h), mailbox by mailbox, and looking after crowded accounts.
#include "store/expiry_ops.h"

#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/slice.h"

static enum store_status remove_entry(struct db *db, struct mailbox_row *m, uint32_t uid, uint64_t *ret_octets) {
    const struct store_uid_range range = {uid, uid};
    struct entry_list entries = {0};
    enum store_status status = entry_list_load(db, SQL_ENTRY_RANGE, m->id, &range, 1, 1, &entries);
    if (status == STORE_OK && entries.n == 0)
        status = STORE_NOT_FOUND;
    if (status == STORE_OK)
        status = mailbox_remove_entry(db, m, &entries.rows[0]);
    if (status == STORE_OK)
        status = body_unref(db, entries.rows[0].body_id);
    if (status == STORE_OK)
        *ret_octets = entries.rows[0].size;
    entry_list_done(&entries);
    return status;
}

static size_t skip_mailbox(const struct store_expiry_remove *r, size_t at) {
    uint64_t id = r->items[at].id;
    while (at < r->n_items && r->items[at].id == id)
        at++;
    return at;
}

// Those of the mailbox of the next item, until `wanted` octets are gone in all. *ret_stop: the slice is over.
static enum store_status remove_of_mailbox(struct db *db, struct store_expiry_remove *r, uint64_t wanted,
                                           struct slice_budget *budget, bool *ret_stop) {
    struct mailbox_row m;
    uint32_t uids[STORE_EXPIRY_SLICE_MAX];
    size_t n_uids = 0, end = skip_mailbox(r, r->ret_done);
    enum store_status status = mailbox_load(db, r->items[r->ret_done].id, &m);
    if (status == STORE_NOT_FOUND) { // deleted meanwhile
        r->ret_done = end;
        return STORE_OK;
    }
    while (status == STORE_OK && r->ret_done < end && r->ret_octets < wanted && !*ret_stop) {
        uint32_t uid = r->items[r->ret_done++].uid;
        uint64_t octets = 0;
        status = remove_entry(db, &m, uid, &octets);
        if (status == STORE_OK) {
            uids[n_uids++] = uid;
            r->ret_octets += octets;
        }
        status = status == STORE_NOT_FOUND ? STORE_OK : status;
        *ret_stop = !slice_budget_take(budget, octets);
    }
    r->ret_messages += n_uids;
    if (status != STORE_OK || n_uids == 0)
        return status;
    m.modseq++;
    mailbox_note(db, &m, STORE_CHANGE_EXPUNGED, 0, uids, n_uids);
    return mailbox_save(db, &m);
}

static enum store_status relieve(struct db *db, const struct store_expiry_remove *r) {
    uint64_t used;
    enum store_status status = account_used(db, r->account_id, &used);
    if (status != STORE_OK)
        return status;
    bool is_crowded = used > quota_part(db, STORE_CROWDED_PERCENT);
    struct query q;
    query_begin(&q, db, is_crowded ? SQL_CROWDED_LATER : SQL_CROWDED_DELETE);
    query_bind_u64(&q, r->account_id);
    if (is_crowded)
        query_bind_i64(&q, r->next_hour);
    return query_exec(&q);
}

// How much has to go: of a crowded account what is above the goal now, for its user may have deleted some since it was
// looked at.
static enum store_status load_wanted(struct db *db, const struct store_expiry_remove *r, uint64_t *ret) {
    *ret = UINT64_MAX;
    if (r->account_id == 0)
        return STORE_OK;
    uint64_t used, goal = quota_part(db, STORE_RELIEVED_PERCENT);
    enum store_status status = account_used(db, r->account_id, &used);
    *ret = used > goal ? used - goal : 0;
    return status;
}

enum store_status sqlite_expiry_remove(struct backend_conn *c, struct store_op *op) {
    struct store_expiry_remove *r = CONTAINER_OF(op, struct store_expiry_remove, op);
    struct db *db = db_of(c);
    struct slice_budget budget = slice_budget_new();
    uint64_t wanted;
    bool stop = false;
    enum store_status status = load_wanted(db, r, &wanted);
    while (status == STORE_OK && r->ret_done < r->n_items && r->ret_octets < wanted && !stop)
        status = remove_of_mailbox(db, r, wanted, &budget, &stop);
    if (r->ret_octets >= wanted)
        r->ret_done = r->n_items;
    r->ret_took_us = clock_mono_us() - budget.began_us;
    if (status != STORE_OK)
        return status;
    if (r->account_id != 0 && r->ret_done == r->n_items)
        return relieve(db, r);
    return r->ret_messages > 0 ? STORE_OK : STORE_NOT_FOUND;
}

enum store_status sqlite_expiry_shown(struct backend_conn *c, struct store_op *op) {
    const struct store_expiry_shown *s = CONTAINER_OF(op, struct store_expiry_shown, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_ENTRY_SET_SHOWN);
    query_bind_u64(&q, s->mailbox_id);
    query_bind_u64(&q, s->last_uid);
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db_of(c)) == 0 ? STORE_NOT_FOUND : status;
}
