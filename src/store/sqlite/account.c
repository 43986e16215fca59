// SPDX-License-Identifier: MIT
// Accounts: creation, look-up, quota, and what the operator does.
#include "store/account_ops.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite/mailbox.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

enum store_status sqlite_account_find(struct backend_conn *c, struct store_op *op) {
    struct store_account_find *f = CONTAINER_OF(op, struct store_account_find, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_ACCOUNT_BY_ADDRESS);
    query_bind_text(&q, f->address);
    bool found = query_row(&q);
    if (found) {
        f->ret_account_id = query_u64(&q, 0);
        f->ret_inbox_id = query_u64(&q, 1);
        op_copy_into(slice_from_cstr(query_text(&q, 2)), f->ret_password_hash, sizeof(f->ret_password_hash));
        f->ret_blocked = query_u64(&q, 3) != 0;
        f->ret_last_login_day = query_i64(&q, 4);
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status insert_account(struct db *db, const struct store_account_create *a, uint64_t *ret_id) {
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_INSERT);
    query_bind_text(&q, a->address);
    query_bind_text(&q, a->password_hash);
    query_bind_i64(&q, arrival_hour(db) / 24);
    enum store_status status = query_exec(&q);
    *ret_id = db_last_id(db);
    return status;
}

static enum store_status set_inbox(struct db *db, uint64_t account_id, uint64_t inbox_id) {
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_SET_INBOX);
    query_bind_u64(&q, account_id);
    query_bind_u64(&q, inbox_id);
    return query_exec(&q);
}

static enum store_status create(struct db *db, struct store_account_create *a) {
    enum store_status status = insert_account(db, a, &a->ret_account_id);
    if (status == STORE_OK)
        status = mailbox_insert(db, a->ret_account_id, "INBOX", true, &a->ret_inbox_id);
    if (status == STORE_OK)
        status = set_inbox(db, a->ret_account_id, a->ret_inbox_id);
    a->ret_created = true;
    a->ret_last_login_day = arrival_hour(db) / 24;
    memcpy(a->ret_password_hash, a->password_hash, sizeof(a->ret_password_hash));
    return status;
}

// Takes one use; the last one takes the invitation with it.
static enum store_status use_invitation(struct db *db, const struct store_account_create *a) {
    static const enum sql steps[] = {SQL_INVITATION_USE, SQL_INVITATION_USE_UP};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct query q;
        query_begin(&q, db, steps[i]);
        query_bind_blob(&q, a->invitation, sizeof(a->invitation));
        query_bind_i64(&q, a->today);
        enum store_status status = query_exec(&q);
        if (status != STORE_OK || db_changes(db) > 0)
            return status;
    }
    return STORE_NOT_FOUND;
}

enum store_status sqlite_account_create(struct backend_conn *c, struct store_op *op) {
    struct store_account_create *a = CONTAINER_OF(op, struct store_account_create, op);
    if (a->address[0] == '\0')
        return STORE_INVALID;
    struct store_account_find *found = store_account_find_new(slice_from_cstr(a->address));
    enum store_status status = sqlite_account_find(c, &found->op);
    if (status == STORE_OK) {
        a->ret_account_id = found->ret_account_id;
        a->ret_inbox_id = found->ret_inbox_id;
        a->ret_blocked = found->ret_blocked;
        a->ret_last_login_day = found->ret_last_login_day;
        memcpy(a->ret_password_hash, found->ret_password_hash, sizeof(a->ret_password_hash));
    } else if (status == STORE_NOT_FOUND) {
        status = a->needs_invitation ? use_invitation(db_of(c), a) : STORE_OK;
        if (status == STORE_OK)
            status = create(db_of(c), a);
    }
    store_op_free(&found->op);
    return status;
}

enum store_status account_exists(struct db *db, uint64_t account_id) {
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_EXISTS);
    query_bind_u64(&q, account_id);
    bool found = query_row(&q);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

enum store_status sqlite_account_touch(struct backend_conn *c, struct store_op *op) {
    struct store_account_touch *t = CONTAINER_OF(op, struct store_account_touch, op);
    struct db *db = db_of(c);
    int64_t least_day = db->least_hour / 24;
    struct query q;
    query_begin(&q, db, SQL_ACCOUNT_TOUCH);
    query_bind_u64(&q, t->account_id);
    query_bind_i64(&q, t->day > least_day ? t->day : least_day);
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db) == 0 ? account_exists(db, t->account_id) : status;
}

enum store_status sqlite_quota(struct backend_conn *c, struct store_op *op) {
    struct store_quota *quota = CONTAINER_OF(op, struct store_quota, op);
    quota->ret_limit = atomic_load(&c->context->mailbox_quota);
    enum store_status status = account_exists(db_of(c), quota->account_id);
    return status == STORE_OK ? account_used(db_of(c), quota->account_id, &quota->ret_used) : status;
}

// ---- for the operator ----

// The columns of ACCOUNT_ROW.
static struct store_account_row row_of(struct query *q) {
    const char *address = query_text(q, 1);
    return (struct store_account_row){
        .account_id = query_u64(q, 0),
        .address = mem_strndup(address, strlen(address)),
        .blocked = query_u64(q, 2) != 0,
        .last_login_day = query_i64(q, 3),
        .octets = query_u64(q, 4),
        .messages = query_u64(q, 5),
    };
}

enum store_status sqlite_account_show(struct backend_conn *c, struct store_op *op) {
    struct store_account_show *s = CONTAINER_OF(op, struct store_account_show, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_ACCOUNT_ROW);
    query_bind_text(&q, s->address);
    bool found = query_row(&q);
    if (found)
        s->ret_row = row_of(&q);
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

enum store_status sqlite_account_list(struct backend_conn *c, struct store_op *op) {
    struct store_account_list *l = CONTAINER_OF(op, struct store_account_list, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_ACCOUNT_PAGE);
    query_bind_u64(&q, l->after);
    query_bind_u64(&q, STORE_ACCOUNTS_PAGE);
    l->ret_rows = mem_zalloc(STORE_ACCOUNTS_PAGE, sizeof(*l->ret_rows));
    while (l->ret_n_rows < STORE_ACCOUNTS_PAGE && query_row(&q))
        l->ret_rows[l->ret_n_rows++] = row_of(&q);
    return query_end(&q);
}

enum store_status sqlite_account_block(struct backend_conn *c, struct store_op *op) {
    struct store_account_block *b = CONTAINER_OF(op, struct store_account_block, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_ACCOUNT_BLOCK);
    query_bind_u64(&q, b->account_id);
    query_bind_u64(&q, b->blocked);
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db_of(c)) == 0 ? STORE_NOT_FOUND : status;
}
