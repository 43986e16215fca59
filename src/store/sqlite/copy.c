// SPDX-License-Identifier: MIT
// COPY and MOVE (RFC 3501 6.4.7, RFC 6851): new entries for the same bodies.
#include "base/mem.h"
#include "store/mailbox_name.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

// Both rows are the same mailbox when a message is copied to where it is; then there is one row to keep.
struct sides {
    struct mailbox_row *source, *target;
};

// Room for all of them at once. A move within the account uses no more of the quota.
static enum store_status check_room(struct db *db, const struct store_copy *c, const struct mailbox_row *target,
                                    const struct entry_list *l) {
    uint64_t used, added = 0;
    enum store_status status = account_used(db, c->account_id, &used);
    if (status != STORE_OK)
        return status;
    for (size_t i = 0; i < l->n; i++)
        added += l->rows[i].size;
    bool fits = c->move || mailbox_has_room(db, target, used, added);
    bool moves_here = c->move && c->mailbox_id == target->id;
    bool few = moves_here || target->messages + l->n <= MAILBOX_MESSAGES_MAX;
    if (!fits || !few || l->n >= UINT32_MAX - target->uid_next)
        return STORE_QUOTA;
    return account_note_used(db, c->account_id, c->move ? used : used + added);
}

static enum store_status transfer(struct db *db, struct store_copy *c, struct sides s, struct entry_row *entry,
                                  size_t i) {
    enum store_status status = STORE_OK;
    c->ret_from_uids[i] = entry->uid;
    if (c->move)
        status = mailbox_remove_entry(db, s.source, entry);
    else
        status = body_ref(db, entry->body_id);
    if (status == STORE_OK)
        status = mailbox_add_entry(db, s.target, entry);
    c->ret_to_uids[i] = entry->uid;
    return status;
}

static enum store_status transfer_all(struct db *db, struct store_copy *c, struct sides s, struct entry_list *l) {
    enum store_status status = check_room(db, c, s.target, l);
    c->ret_from_uids = mem_alloc(l->n * sizeof(uint32_t));
    c->ret_to_uids = mem_alloc(l->n * sizeof(uint32_t));
    c->ret_uid_validity = s.target->uid_validity;
    for (size_t i = 0; i < l->n && status == STORE_OK; i++)
        status = transfer(db, c, s, &l->rows[i], i);
    if (status != STORE_OK || l->n == 0)
        return status;
    c->ret_n_uids = l->n;
    mailbox_note(db, s.target, STORE_CHANGE_ADDED, c->origin, c->ret_to_uids, l->n);
    if (c->move) {
        s.source->modseq++;
        mailbox_note(db, s.source, STORE_CHANGE_EXPUNGED, c->origin, c->ret_from_uids, l->n);
        if (s.source != s.target)
            status = mailbox_save(db, s.source);
    }
    return status == STORE_OK ? mailbox_save(db, s.target) : status;
}

enum store_status sqlite_copy(struct backend_conn *conn, struct store_op *op) {
    struct store_copy *c = CONTAINER_OF(op, struct store_copy, op);
    struct db *db = db_of(conn);
    char name[STORE_MAILBOX_NAME_MAX + 1];
    struct mailbox_row source, target;
    if (!mailbox_name_normal(c->target, name))
        return STORE_NOT_FOUND;
    enum store_status status = mailbox_load(db, c->mailbox_id, &source);
    if (status == STORE_OK && source.account_id != c->account_id)
        status = STORE_NOT_FOUND;
    if (status == STORE_OK)
        status = mailbox_load_name(db, c->account_id, name, &target);
    if (status != STORE_OK)
        return status;
    struct sides sides = {&source, source.id == target.id ? &source : &target};
    struct entry_list entries = {0};
    status = entry_list_load(db, SQL_ENTRY_RANGE, source.id, c->ranges, c->n_ranges, STORE_COPY_MAX + 1, &entries);
    if (status == STORE_OK && entries.n > STORE_COPY_MAX)
        status = STORE_TOO_MANY;
    if (status == STORE_OK)
        status = transfer_all(db, c, sides, &entries);
    entry_list_done(&entries);
    return status;
}
