// SPDX-License-Identifier: MIT
// Deleting an account. The operation takes the rows that make it one: the account, its device tokens and its mailboxes,
// whose numbers are kept in `doomed`. From that commit on nothing finds it. The entries of doomed mailboxes are the
// rest, which the writer works off piece by piece, and with them the references of their bodies. The memory of accepted
// messages stays: it is a keyed hash and forgets by itself. Letters in the queue stay, too, for they were accepted;
// they forget whose they are.
#include "base/mem.h"
#include "store/account_ops.h"
#include "store/mailbox_ops.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/slice.h"

enum { REST_PIECE = STORE_EXPIRY_SLICE_MAX }; // entries that are loaded at a time

static enum store_status run_on_id(struct db *db, enum sql sql, uint64_t id) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_u64(&q, id);
    return query_exec(&q);
}

// ---- the rows ----

static enum store_status announce(struct db *db, uint64_t account_id) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_LIST);
    query_bind_u64(&q, account_id);
    while (query_row(&q)) {
        struct mailbox_row m = {.id = query_u64(&q, 0), .account_id = account_id};
        mailbox_note(db, &m, STORE_CHANGE_DELETED, 0, NULL, 0);
    }
    return query_end(&q);
}

static enum store_status count_messages(struct db *db, uint64_t account_id, uint64_t *ret) {
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_MESSAGES);
    query_bind_u64(&q, account_id);
    *ret = query_row(&q) ? query_u64(&q, 0) : 0;
    return query_end(&q);
}

enum store_status sqlite_account_delete(struct backend_conn *c, struct store_op *op) {
    struct store_account_delete *d = CONTAINER_OF(op, struct store_account_delete, op);
    struct db *db = db_of(c);
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_DELETE);
    query_bind_u64(&q, d->account_id);
    query_bind_i64(&q, d->login_day);
    enum store_status status = query_exec(&q);
    if (status == STORE_OK && db_changes(db) == 0)
        return STORE_NOT_FOUND;
    if (status == STORE_OK)
        status = count_messages(db, d->account_id, &d->ret_messages);
    if (status == STORE_OK)
        status = announce(db, d->account_id);
    static const enum sql steps[] = {SQL_TOKEN_DELETE_ALL, SQL_SENDER_FORGET, SQL_CROWDED_DELETE, SQL_MAILBOX_DOOM_ALL,
                                     SQL_MAILBOX_DELETE_ALL};
    for (size_t i = 0; i < ARRAY_LEN(steps) && status == STORE_OK; i++)
        status = run_on_id(db, steps[i], d->account_id);
    op->has_rest = status == STORE_OK;
    return status;
}

// ---- the messages ----

// STORE_NOT_FOUND: there is none.
static enum store_status first_doomed(struct db *db, uint64_t *ret_mailbox_id) {
    struct query q;
    query_begin(&q, db, SQL_DOOMED_FIRST);
    bool found = query_row(&q);
    if (found)
        *ret_mailbox_id = query_u64(&q, 0);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status delete_entry(struct db *db, uint64_t mailbox_id, const struct entry_row *entry) {
    struct query q;
    query_begin(&q, db, SQL_ENTRY_DELETE);
    query_bind_u64(&q, mailbox_id);
    query_bind_u64(&q, entry->uid);
    enum store_status status = query_exec(&q);
    return status == STORE_OK ? body_unref(db, entry->body_id) : status;
}

// As many entries as the slice allows; a mailbox that had no more of them is done with.
static enum store_status delete_entries(struct db *db, uint64_t mailbox_id, struct slice_budget *budget,
                                        bool *ret_stop) {
    static const struct store_uid_range all = {1, UINT32_MAX};
    struct entry_list entries = {0};
    enum store_status status = entry_list_load(db, SQL_ENTRY_RANGE, mailbox_id, &all, 1, REST_PIECE, &entries);
    size_t n = 0;
    while (n < entries.n && status == STORE_OK && !*ret_stop) {
        status = delete_entry(db, mailbox_id, &entries.rows[n]);
        *ret_stop = !slice_budget_take(budget, entries.rows[n++].size);
    }
    if (status == STORE_OK && n == entries.n && n < REST_PIECE)
        status = run_on_id(db, SQL_DOOMED_DELETE, mailbox_id);
    entry_list_done(&entries);
    return status;
}

enum store_status sqlite_run_rest(struct backend_conn *c, bool *ret_more) {
    struct db *db = db_of(c);
    uint64_t mailbox_id;
    enum store_status status = first_doomed(db, &mailbox_id);
    if (status != STORE_OK)
        return status;
    struct slice_budget budget = slice_budget_new();
    for (bool stop = false; status == STORE_OK && !stop;) {
        status = delete_entries(db, mailbox_id, &budget, &stop);
        if (status == STORE_OK)
            status = first_doomed(db, &mailbox_id);
    }
    *ret_more = status == STORE_OK;
    return status == STORE_NOT_FOUND ? STORE_OK : status;
}
