// SPDX-License-Identifier: MIT
#include <string.h>

#include "store/overview_ops.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"

static void count_account(struct store_overview *o, struct query *q) {
    int64_t age = o->today - query_i64(q, 1);
    uint64_t octets = query_u64(q, 5);
    o->after_account = query_u64(q, 0);
    o->ret_accounts++;
    o->ret_blocked += query_u64(q, 2);
    o->ret_ci += query_u64(q, 3);
    o->ret_messages += query_u64(q, 4);
    o->ret_octets += octets;
    if (octets > o->ret_fullest)
        o->ret_fullest = octets;
    for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
        o->ret_active[i] += age < (int64_t)store_active_days[i];
}

static enum store_status read_accounts(struct db *db, struct store_overview *o) {
    struct query q;
    uint64_t n = 0;
    query_begin(&q, db, SQL_OVERVIEW_ACCOUNTS);
    query_bind_u64(&q, o->after_account);
    query_bind_u64(&q, o->max_rows);
    for (; query_row(&q); n++)
        count_account(o, &q);
    o->of_files = n < o->max_rows;
    return query_end(&q);
}

// In one pass, whatever sizes are wanted.
static void count_file(struct store_overview *o, struct query *q) {
    struct slice file = query_blob(q, 0);
    uint64_t size = query_u64(q, 1);
    o->after_file_len = file.len < sizeof(o->after_file) ? file.len : sizeof(o->after_file);
    memcpy(o->after_file, file.ptr, o->after_file_len);
    o->ret_files++;
    o->ret_files_octets += size;
    for (size_t i = 0; i < STORE_LARGE_SIZES && size >= store_large_sizes[i]; i++) {
        o->ret_large[i]++;
        o->ret_large_octets[i] += size;
    }
}

static enum store_status read_files(struct db *db, struct store_overview *o) {
    struct query q;
    uint64_t n = 0;
    query_begin(&q, db, SQL_OVERVIEW_FILES);
    query_bind_blob(&q, o->after_file, o->after_file_len);
    query_bind_u64(&q, o->max_rows);
    for (; query_row(&q); n++)
        count_file(o, &q);
    o->ret_done = n < o->max_rows;
    return query_end(&q);
}

enum store_status sqlite_overview(struct backend_conn *c, struct store_op *op) {
    struct store_overview *o = CONTAINER_OF(op, struct store_overview, op);
    return o->of_files ? read_files(db_of(c), o) : read_accounts(db_of(c), o);
}
