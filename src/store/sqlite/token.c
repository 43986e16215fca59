// SPDX-License-Identifier: MIT
// Device tokens. A token's row holds the day on which it was last set; what is pending for it (sqlite/push.c) goes with
// it by a trigger of the schema.
#include "store/sqlite/token.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/account_ops.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/rows.h"

enum { PURGE_ROWS = 500 };

// A clock that was set back a little over midnight does not make today's tokens tomorrow's.
enum { FUTURE_MAX_S = 60 };

struct token_days token_days_at(int64_t now_s) {
    return (struct token_days){now_s / 86400 - STORE_TOKEN_DAYS + 1, (now_s + FUTURE_MAX_S) / 86400};
}

static enum store_status run_on_day(struct db *db, enum sql sql, uint64_t id, int64_t day) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_u64(&q, id);
    query_bind_i64(&q, day);
    return query_exec(&q);
}

// STORE_NOT_FOUND.
static enum store_status find(struct db *db, const struct store_token_add *t, uint64_t *ret_id, int64_t *ret_day) {
    struct query q;
    query_begin(&q, db, SQL_TOKEN_FIND);
    query_bind_u64(&q, t->account_id);
    query_bind_text(&q, t->token);
    bool found = query_row(&q);
    if (found) {
        *ret_id = query_u64(&q, 0);
        *ret_day = query_i64(&q, 1);
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status insert(struct db *db, const struct store_token_add *t, int64_t today) {
    enum store_status status = account_exists(db, t->account_id);
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_TOKEN_INSERT);
    query_bind_u64(&q, t->account_id);
    query_bind_text(&q, t->token);
    query_bind_i64(&q, today);
    status = query_exec(&q);
    if (status == STORE_OK)
        status = run_on_day(db, SQL_TOKEN_DELETE_EXPIRED, t->account_id, today - STORE_TOKEN_DAYS);
    if (status != STORE_OK)
        return status;
    query_begin(&q, db, SQL_TOKEN_TRIM);
    query_bind_u64(&q, t->account_id);
    query_bind_u64(&q, STORE_TOKENS_MAX);
    query_bind_i64(&q, token_days_at(clock_wall_s()).last);
    return query_exec(&q);
}

enum store_status sqlite_token_add(struct backend_conn *c, struct store_op *op) {
    struct store_token_add *t = CONTAINER_OF(op, struct store_token_add, op);
    struct db *db = db_of(c);
    uint64_t id;
    int64_t day, today = clock_wall_day();
    if (!store_token_is_valid(slice_from_cstr(t->token)))
        return STORE_INVALID;
    enum store_status status = find(db, t, &id, &day);
    if (status == STORE_NOT_FOUND)
        return insert(db, t, today);
    return status == STORE_OK && day != today ? run_on_day(db, SQL_TOKEN_SET_DAY, id, today) : status;
}

enum store_status sqlite_token_list(struct backend_conn *c, struct store_op *op) {
    struct store_token_list *l = CONTAINER_OF(op, struct store_token_list, op);
    struct token_days days = token_days_at(clock_wall_s());
    struct query q;
    query_begin(&q, db_of(c), SQL_TOKEN_LIST);
    query_bind_u64(&q, l->account_id);
    query_bind_i64(&q, days.first);
    query_bind_i64(&q, days.last);
    l->ret_tokens = mem_zalloc(STORE_TOKENS_MAX, sizeof(char *));
    while (l->ret_n_tokens < STORE_TOKENS_MAX && query_row(&q)) {
        const char *token = query_text(&q, 0);
        l->ret_tokens[l->ret_n_tokens++] = mem_strndup(token, strlen(token));
    }
    return query_end(&q);
}

// Days that are still to come are left alone: while the clock is wrong, all may be of such.
enum store_status token_purge(struct db *db, int64_t today, bool *ret_more) {
    struct query q;
    query_begin(&q, db, SQL_TOKEN_PURGE);
    query_bind_i64(&q, today - STORE_TOKEN_DAYS);
    query_bind_u64(&q, PURGE_ROWS);
    enum store_status status = query_exec(&q);
    *ret_more = *ret_more || (status == STORE_OK && db_changes(db) == PURGE_ROWS);
    return status;
}
