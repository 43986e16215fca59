// SPDX-License-Identifier: MIT
// What the operator does to the queue, in pieces: a million rows must not keep others from writing. And what the start
// does: the clock may have been wrong when times were set.
#include <stdio.h>

#include "base/mem.h"
#include "store/queue_operator_ops.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/queue_rows.h"

enum { RETRY_PIECE = 2000 };

// ---- retry ----

// Lets the due rows that were deferred on their own be tried, at most *left, which it takes down.
static enum store_status retry_dues(struct db *db, const struct store_queue_retry *r, uint64_t destination_id,
                                    uint64_t *left) {
    struct query q;
    query_begin(&q, db, SQL_DUE_RETRY);
    query_bind_u64(&q, destination_id);
    query_bind_i64(&q, r->now);
    query_bind_u64(&q, *left);
    enum store_status status = query_exec(&q);
    if (status == STORE_OK)
        *left -= db_changes(db);
    return status;
}

// All that waits there, in the first of the destination's pieces.
static void count_once(struct store_queue_retry *r, const struct destination_row *x) {
    if (x->id == r->counted_id)
        return;
    r->counted_id = x->id;
    r->ret_dues += x->dues;
}

static enum store_status retry_one(struct db *db, struct store_queue_retry *r, const char *name, uint64_t *left) {
    struct destination_row x;
    enum store_status status = destination_load(db, name, &x);
    if (status == STORE_OK) {
        count_once(r, &x);
        status = retry_dues(db, r, x.id, left);
    }
    if (status != STORE_OK || *left == 0) // its turn is not over
        return status;
    (*left)--;
    status = destination_retry(db, &x);
    if (status == STORE_OK)
        effects_add_news(&db->conn.effects, name, 0, NULL);
    return status;
}

// The name behind the one in r->at. STORE_NOT_FOUND: that was the last.
static enum store_status next_name(struct db *db, struct store_queue_retry *r, char ret[STORE_DESTINATION_MAX + 1]) {
    struct query q;
    query_begin(&q, db, SQL_DESTINATION_NAME_AFTER);
    query_bind_text(&q, r->at);
    bool found = query_row(&q);
    if (found)
        (void)snprintf(ret, STORE_DESTINATION_MAX + 1, "%s", query_text(&q, 0));
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status retry_all(struct db *db, struct store_queue_retry *r, uint64_t *left) {
    char name[STORE_DESTINATION_MAX + 1];
    enum store_status status = STORE_OK;
    while (*left > 0 && (status = next_name(db, r, name)) == STORE_OK) {
        status = retry_one(db, r, name, left);
        if (status != STORE_OK)
            return status;
        if (*left > 0)
            memcpy(r->at, name, sizeof(r->at));
    }
    return status == STORE_NOT_FOUND ? STORE_OK : status;
}

enum store_status sqlite_queue_retry(struct backend_conn *c, struct store_op *op) {
    struct store_queue_retry *r = CONTAINER_OF(op, struct store_queue_retry, op);
    uint64_t left = RETRY_PIECE;
    enum store_status status =
        r->is_for_all ? retry_all(db_of(c), r, &left) : retry_one(db_of(c), r, r->destination, &left);
    if (status == STORE_NOT_FOUND && r->ret_dues > 0) // it was sent between two pieces
        status = STORE_OK;
    op->unfinished = status == STORE_OK && left == 0;
    return status;
}

// ---- times ----

// Each destination's rows are found by their index; only what is wrong is touched.
enum store_status queue_repair_times(struct db *db, int64_t now) {
    static const char changes[] =
        "BEGIN IMMEDIATE;"
        "UPDATE due SET next_at = %1$lld WHERE id IN (SELECT d.id FROM destination x"
        " CROSS JOIN due d ON d.destination_id = x.id AND d.next_at > %1$lld + 86400);"
        "UPDATE destination SET deferred_until = 0 WHERE deferred_until > %1$lld + 86400;"
        "UPDATE destination SET next_at ="
        " max(deferred_until, (SELECT min(next_at) FROM due WHERE destination_id = destination.id))"
        " WHERE next_at != max(deferred_until, (SELECT min(next_at) FROM due WHERE destination_id = destination.id));"
        "COMMIT";
    char sql[1024];
    (void)snprintf(sql, sizeof(sql), changes, (long long)now);
    enum store_status status = db_exec(db, sql);
    if (status != STORE_OK && sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
