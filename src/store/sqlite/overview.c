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
        o->ret_ci += query_u64(&q, 3);
        for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
            if (age < (int64_t)store_active_days[i])
                o->ret_active[i] += accounts;
    }
    return query_end(&q);
}

static enum store_status read_fullest(struct db *db, struct store_overview *o) {
    struct query q;
    query_begin(&q, db, SQL_OVERVIEW_FULLEST);
    if (query_row(&q))
        o->ret_fullest = query_u64(&q, 0);
    return query_end(&q);
}

static enum store_status read_mailboxes(struct db *db, struct store_overview *o) {
    struct query q;
    query_begin(&q, db, SQL_OVERVIEW_MAILBOXES);
    if (query_row(&q)) {
        o->ret_messages = query_u64(&q, 0);
        o->ret_octets = query_u64(&q, 1);
    }
    return query_end(&q);
}

// In one pass, whatever sizes are wanted.
static enum store_status read_files(struct db *db, struct store_overview *o) {
    struct query q;
    query_begin(&q, db, SQL_OVERVIEW_FILES);
    while (query_row(&q)) {
        uint64_t size = query_u64(&q, 0);
        o->ret_files++;
        o->ret_files_octets += size;
        for (size_t i = 0; i < STORE_LARGE_SIZES && size >= store_large_sizes[i]; i++) {
            o->ret_large[i]++;
            o->ret_large_octets[i] += size;
        }
    }
    return query_end(&q);
}

enum store_status sqlite_overview(struct backend_conn *c, struct store_op *op) {
    struct store_overview *o = CONTAINER_OF(op, struct store_overview, op);
    enum store_status status = read_accounts(db_of(c), o);
    if (status == STORE_OK)
        status = read_fullest(db_of(c), o);
    if (status == STORE_OK)
        status = read_mailboxes(db_of(c), o);
    return status == STORE_OK ? read_files(db_of(c), o) : status;
}
