// SPDX-License-Identifier: MIT
// Invitations, and the secrets that the rooms above keep in the store.
#include "store/invitation_ops.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"

static enum store_status purge(struct db *db, int64_t today) {
    struct query q;
    query_begin(&q, db, SQL_INVITATION_PURGE);
    query_bind_i64(&q, today);
    return query_exec(&q);
}

enum store_status sqlite_invitation_add(struct backend_conn *c, struct store_op *op) {
    struct store_invitation_add *a = CONTAINER_OF(op, struct store_invitation_add, op);
    struct db *db = db_of(c);
    if (a->uses == 0)
        return STORE_INVALID;
    enum store_status status = purge(db, clock_wall_day());
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_INVITATION_INSERT);
    query_bind_blob(&q, a->invitation, sizeof(a->invitation));
    query_bind_u64(&q, a->uses);
    query_bind_i64(&q, a->last_day);
    status = query_exec(&q);
    return status == STORE_OK && db_changes(db) == 0 ? STORE_EXISTS : status;
}

enum store_status sqlite_invitation_find(struct backend_conn *c, struct store_op *op) {
    struct store_invitation_find *f = CONTAINER_OF(op, struct store_invitation_find, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_INVITATION_FIND);
    query_bind_blob(&q, f->invitation, sizeof(f->invitation));
    query_bind_i64(&q, f->today);
    bool found = query_row(&q);
    if (found) {
        f->ret_uses = query_u32(&q, 0);
        f->ret_last_day = query_i64(&q, 1);
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

enum store_status sqlite_invitation_list(struct backend_conn *c, struct store_op *op) {
    struct store_invitation_list *l = CONTAINER_OF(op, struct store_invitation_list, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_INVITATION_LIST);
    query_bind_i64(&q, l->after.last_day);
    query_bind_blob(&q, l->after.invitation, sizeof(l->after.invitation));
    query_bind_u64(&q, STORE_INVITATIONS_PAGE);
    l->ret_rows = mem_zalloc(STORE_INVITATIONS_PAGE, sizeof(*l->ret_rows));
    while (l->ret_n_rows < STORE_INVITATIONS_PAGE && query_row(&q)) {
        struct store_invitation_row *row = &l->ret_rows[l->ret_n_rows++];
        *row = (struct store_invitation_row){.uses = query_u32(&q, 1), .last_day = query_i64(&q, 2)};
        struct slice number = query_blob(&q, 0);
        ASSERT(number.len == sizeof(row->invitation)); // the table holds no other
        memcpy(row->invitation, number.ptr, number.len);
    }
    return query_end(&q);
}

enum store_status sqlite_invitation_delete(struct backend_conn *c, struct store_op *op) {
    struct store_invitation_delete *d = CONTAINER_OF(op, struct store_invitation_delete, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_INVITATION_DELETE);
    query_bind_blob(&q, d->invitation, sizeof(d->invitation));
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db_of(c)) == 0 ? STORE_NOT_FOUND : status;
}

static enum store_status make_secret(struct db *db, struct store_secret *s) {
    random_bytes(s->ret_secret, sizeof(s->ret_secret));
    struct query q;
    query_begin(&q, db, SQL_SECRET_INSERT);
    query_bind_text(&q, s->name);
    query_bind_blob(&q, s->ret_secret, sizeof(s->ret_secret));
    return query_exec(&q);
}

enum store_status sqlite_secret(struct backend_conn *c, struct store_op *op) {
    struct store_secret *s = CONTAINER_OF(op, struct store_secret, op);
    if (s->name[0] == '\0')
        return STORE_INVALID;
    struct query q;
    query_begin(&q, db_of(c), SQL_SECRET_FIND);
    query_bind_text(&q, s->name);
    bool found = query_row(&q);
    if (found) {
        struct slice value = query_blob(&q, 0);
        ASSERT(value.len == sizeof(s->ret_secret)); // the table holds no other
        memcpy(s->ret_secret, value.ptr, value.len);
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? make_secret(db_of(c), s) : status;
}
