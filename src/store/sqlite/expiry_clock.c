// SPDX-License-Identifier: MIT
// What expiry remembers of the clock, and mending what was dated by a wrong one (store/expiry_ops.h).
#include "store/expiry_ops.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"

enum { MEND_ROWS = 256 };

enum store_status sqlite_expiry_clock(struct backend_conn *c, struct store_op *op) {
    struct store_expiry_clock *k = CONTAINER_OF(op, struct store_expiry_clock, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_EXPIRY_CLOCK);
    if (query_row(&q)) {
        k->ret_hour = query_i64(&q, 0);
        k->ret_held_hours = query_i64(&q, 1);
        k->ret_newest_hour = query_i64(&q, 2);
    }
    return query_end(&q);
}

enum store_status sqlite_expiry_clock_keep(struct backend_conn *c, struct store_op *op) {
    const struct store_expiry_clock_keep *k = CONTAINER_OF(op, struct store_expiry_clock_keep, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_EXPIRY_CLOCK_KEEP);
    query_bind_i64(&q, k->hour);
    query_bind_i64(&q, k->held_hours);
    enum store_status status = query_exec(&q);
    if (status == STORE_OK) // should the commit fail, expiry comes again
        db_of(c)->least_hour = k->hour;
    return status;
}

static enum store_status mend(struct db *db, enum sql sql, int64_t now, uint64_t *changed, bool *ret_more) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_i64(&q, now);
    query_bind_u64(&q, MEND_ROWS);
    enum store_status status = query_exec(&q);
    if (status != STORE_OK)
        return status;
    *changed += db_changes(db);
    *ret_more = *ret_more || db_changes(db) == MEND_ROWS;
    return STORE_OK;
}

enum store_status sqlite_expiry_mend(struct backend_conn *c, struct store_op *op) {
    struct store_expiry_mend *m = CONTAINER_OF(op, struct store_expiry_mend, op);
    uint64_t changed = 0;
    enum store_status status = mend(db_of(c), SQL_ENTRY_MEND, m->now_hour, &changed, &m->ret_more);
    if (status == STORE_OK)
        status = mend(db_of(c), SQL_ACCOUNT_MEND, m->now_hour / 24, &changed, &m->ret_more);
    if (status == STORE_OK)
        status = mend(db_of(c), SQL_CROWDED_MEND, m->now_hour, &changed, &m->ret_more);
    return status == STORE_OK && changed == 0 ? STORE_NOT_FOUND : status;
}
