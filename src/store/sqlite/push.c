// SPDX-License-Identifier: MIT
// Pending pushes: a row for each token whose gateway has to be told something. First tries and retries are two ranges
// of one index, so that those who wait for a gateway that fails stand in nobody's way.
#include "store/push_ops.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/token.h"

enum { PURGE_ROWS = 500, ASKED_FUTURE_MAX_MS = 60 * 1000 };

// ---- asking ----

enum store_status push_ask(struct db *db, uint64_t account_id) {
    if (!atomic_load_explicit(&db->conn.context->push_enabled, memory_order_relaxed))
        return STORE_OK;
    int64_t now_ms = clock_wall_ms();
    struct token_days days = token_days_at(now_ms / 1000);
    struct query q;
    query_begin(&q, db, SQL_PUSH_ASK);
    query_bind_u64(&q, account_id);
    query_bind_i64(&q, days.first);
    query_bind_i64(&q, days.last);
    query_bind_i64(&q, now_ms);
    enum store_status status = query_exec(&q);
    if (status == STORE_OK)
        effects_add_pushes(&db->conn.effects, db_changes(db));
    return status;
}

// ---- loading ----

static int compare_ids(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool next_row(struct query *q, const struct store_push_load *l) {
    while (query_row(q)) {
        uint64_t id = query_u64(q, 0);
        if (l->n_skip == 0 || bsearch(&id, l->skip, l->n_skip, sizeof(id), compare_ids) == NULL)
            return true;
    }
    return false;
}

static enum store_status load_due(struct db *db, struct store_push_load *l, bool retries, size_t max, bool *ret_more) {
    struct query q;
    query_begin(&q, db, SQL_PUSH_LOAD);
    query_bind_u64(&q, retries);
    query_bind_i64(&q, l->now_ms);
    size_t n = 0;
    while (n < max && next_row(&q, l)) {
        const char *token = query_text(&q, 1);
        l->ret_pushes[l->ret_n + n++] = (struct store_push){.token_id = query_u64(&q, 0),
                                                            .token = mem_strndup(token, strlen(token)),
                                                            .asked_ms = query_i64(&q, 2),
                                                            .tries = query_u32(&q, 3)};
    }
    *ret_more = n == max && next_row(&q, l);
    l->ret_n += n;
    return query_end(&q);
}

static enum store_status load_next(struct db *db, struct store_push_load *l, bool retries) {
    struct query q;
    query_begin(&q, db, SQL_PUSH_NEXT_AFTER);
    query_bind_u64(&q, retries);
    query_bind_i64(&q, l->now_ms);
    int64_t next = query_row(&q) ? query_i64(&q, 0) : 0;
    if (next != 0 && (l->ret_next_ms == 0 || next < l->ret_next_ms))
        l->ret_next_ms = next;
    return query_end(&q);
}

enum store_status sqlite_push_load(struct backend_conn *c, struct store_op *op) {
    struct store_push_load *l = CONTAINER_OF(op, struct store_push_load, op);
    struct db *db = db_of(c);
    if (l->n_skip > 0)
        qsort(l->skip, l->n_skip, sizeof(*l->skip), compare_ids);
    l->ret_pushes = mem_zalloc(l->max_first + l->max_retries + 1, sizeof(*l->ret_pushes));
    enum store_status status = load_due(db, l, false, l->max_first, &l->ret_more_first);
    if (status == STORE_OK)
        status = load_due(db, l, true, l->max_retries, &l->ret_more_retries);
    if (status == STORE_OK)
        status = load_next(db, l, false);
    return status == STORE_OK ? load_next(db, l, true) : status;
}

// ---- settling ----

static enum store_status remove_token(struct db *db, uint64_t token_id) {
    struct query q;
    query_begin(&q, db, SQL_TOKEN_DELETE);
    query_bind_u64(&q, token_id);
    return query_exec(&q);
}

// A row that the request does not cover is due.
static enum store_status note_if_there(struct db *db, uint64_t token_id) {
    struct query q;
    query_begin(&q, db, SQL_PUSH_EXISTS);
    query_bind_u64(&q, token_id);
    if (query_row(&q))
        effects_add_pushes(&db->conn.effects, 1);
    return query_end(&q);
}

// The clock may have been set back before the request was sent: what it was sent for is covered all the same. Set back
// while it was under way: who asked later has a smaller time than what was loaded.
static enum store_status settle_one(struct db *db, const struct store_push_settle_row *row) {
    if (row->outcome == STORE_PUSH_GONE)
        return remove_token(db, row->token_id);
    struct query q;
    query_begin(&q, db, row->outcome == STORE_PUSH_DONE ? SQL_PUSH_DELETE : SQL_PUSH_RETRY);
    query_bind_u64(&q, row->token_id);
    query_bind_i64(&q, row->asked_ms);
    query_bind_i64(&q, row->covered_ms > row->asked_ms ? row->covered_ms : row->asked_ms);
    if (row->outcome == STORE_PUSH_RETRY) {
        query_bind_i64(&q, row->next_ms);
        query_bind_u64(&q, row->tries);
    }
    enum store_status status = query_exec(&q);
    return status == STORE_OK && db_changes(db) == 0 ? note_if_there(db, row->token_id) : status;
}

enum store_status sqlite_push_settle(struct backend_conn *c, struct store_op *op) {
    const struct store_push_settle *s = CONTAINER_OF(op, struct store_push_settle, op);
    enum store_status status = STORE_OK;
    for (size_t i = 0; i < s->n_rows && status == STORE_OK; i++)
        status = settle_one(db_of(c), &s->rows[i]);
    return status;
}

// ---- the rest ----

enum store_status sqlite_push_total(struct backend_conn *c, struct store_op *op) {
    struct store_push_total *t = CONTAINER_OF(op, struct store_push_total, op);
    struct query q;
    query_begin(&q, db_of(c), SQL_PUSH_TOTAL);
    if (query_row(&q)) {
        t->ret_pending = query_u64(&q, 0);
        t->ret_retries = query_u64(&q, 1);
        t->ret_tokens = query_u64(&q, 2);
    }
    return query_end(&q);
}

enum store_status push_purge(struct db *db, int64_t now_ms, bool *ret_more) {
    enum store_status status = STORE_OK;
    for (uint64_t retries = 0; retries < 2 && status == STORE_OK; retries++) {
        struct query q;
        query_begin(&q, db, SQL_PUSH_PURGE);
        query_bind_u64(&q, retries);
        query_bind_i64(&q, now_ms - STORE_PUSH_STALE_MS);
        query_bind_u64(&q, PURGE_ROWS);
        status = query_exec(&q);
        *ret_more = *ret_more || (status == STORE_OK && db_changes(db) == PURGE_ROWS);
    }
    return status;
}

enum store_status push_repair_times(struct db *db, int64_t now_ms) {
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE push SET asked_ms = %1$lld, tries = 0, next_ms = %1$lld"
                   " WHERE asked_ms > %1$lld + %2$d OR next_ms > %1$lld + %3$d",
                   (long long)now_ms, ASKED_FUTURE_MAX_MS, STORE_PUSH_STALE_MS);
    return db_exec(db, sql);
}
