// SPDX-License-Identifier: MIT
// Policies of MTA-STS.
#include "store/sts_ops.h"

#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"

enum { PURGE_ROWS = 100 };

enum store_status sqlite_sts_find(struct backend_conn *c, struct store_op *op) {
    struct store_sts_find *f = CONTAINER_OF(op, struct store_sts_find, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_STS_FIND);
    query_bind_text(&q, f->domain);
    query_bind_i64(&q, f->now);
    bool found = query_row(&q);
    if (found)
        f->ret_policy = (struct store_sts_policy){
            .domain = slice_dup(slice_from_cstr(f->domain)),
            .id = slice_dup(slice_from_cstr(query_text(&q, 0))),
            .mode = (enum store_sts_mode)query_u32(&q, 1),
            .mx = slice_dup(slice_from_cstr(query_text(&q, 2))),
            .max_age = query_i64(&q, 3),
            .fetched_at = query_i64(&q, 4),
        };
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status put(struct db *db, enum sql sql, const struct store_sts_policy *p) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_text(&q, p->domain);
    query_bind_text(&q, p->id);
    query_bind_u64(&q, p->mode);
    query_bind_text(&q, p->mx);
    query_bind_i64(&q, p->max_age);
    query_bind_i64(&q, p->fetched_at);
    return query_exec(&q);
}

enum store_status sts_purge(struct db *db, int64_t now, bool *ret_more) {
    struct query q;
    query_begin(&q, db, SQL_STS_PURGE);
    query_bind_i64(&q, now);
    query_bind_u64(&q, PURGE_ROWS);
    enum store_status status = query_exec(&q);
    *ret_more = *ret_more || (status == STORE_OK && db_changes(db) == PURGE_ROWS);
    return status;
}

// A new one may be one too many; those that are over go first.
static enum store_status make_room(struct db *db, int64_t now) {
    bool ignored = false;
    enum store_status status = sts_purge(db, now, &ignored);
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_STS_TRIM);
    query_bind_u64(&q, STORE_STS_MAX - 1);
    return query_exec(&q);
}

enum store_status sqlite_sts_keep(struct backend_conn *c, struct store_op *op) {
    const struct store_sts_policy *p = &CONTAINER_OF(op, struct store_sts_keep, op)->policy;
    struct db *db = db_of(c);
    if (p->domain[0] == '\0' || p->id[0] == '\0' || (p->mx[0] == '\0' && p->mode != STORE_STS_NONE))
        return STORE_INVALID;
    enum store_status status = put(db, SQL_STS_UPDATE, p);
    if (status != STORE_OK || db_changes(db) > 0)
        return status;
    status = make_room(db, p->fetched_at);
    return status == STORE_OK ? put(db, SQL_STS_INSERT, p) : status;
}

enum store_status sqlite_sts_forget(struct backend_conn *c, struct store_op *op) {
    struct query q;
    query_begin(&q, db_of(c), SQL_STS_DELETE);
    query_bind_text(&q, CONTAINER_OF(op, struct store_sts_forget, op)->domain);
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db_of(c)) == 0 ? STORE_NOT_FOUND : status;
}
