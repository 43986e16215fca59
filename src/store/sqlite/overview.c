// SPDX-License-Identifier: MIT
#include "store/overview_ops.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"

static enum store_status read_accounts(struct db *db, struct store_overview *o) {
    struct query q;
    query_begin(&q, db, SQL_OVERVIEW_DAYS);
    while (query_row(&q)) {
        int64_t age = o->today - query_i64(&q, 0);
        uint64_t accounts = query_u64(&q, 1);
        o->ret_accounts += accounts;
        o->ret_blocked += query_u64(&q, 2);
        for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
            if (age < (int64_t)store_active_days[i])
                o->ret_active[i] += accounts;
    }
    return query_end(&q);
}

static enum store_status read_pair(struct db *db, enum sql sql, uint64_t *ret_first, uint64_t *ret_second) {
    struct query q;
    query_begin(&q, db, sql);
    if (query_row(&q)) {
        *ret_first = query_u64(&q, 0);
        *ret_second = query_u64(&q, 1);
    }
    return query_end(&q);
}

enum store_status sqlite_overview(struct backend_conn *c, struct store_op *op) {
    struct store_overview *o = CONTAINER_OF(op, struct store_overview, op);
    enum store_status status = read_accounts(db_of(c), o);
    if (status == STORE_OK)
        status = read_pair(db_of(c), SQL_OVERVIEW_MAILBOXES, &o->ret_messages, &o->ret_octets);
    if (status == STORE_OK)
        status = read_pair(db_of(c), SQL_OVERVIEW_FILES, &o->ret_files, &o->ret_files_octets);
    return status;
}
