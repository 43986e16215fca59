// SPDX-License-Identifier: MIT
// One connection to the database, and the way a statement is run on it: query_begin, bind in order of the parameters,
// step through rows, query_end. An error sticks to the query, so that only its end is checked.
#pragma once

#include <sqlite3.h>

#include "store/backend.h"
#include "store/sqlite/sql.h"

enum { DB_SECRET_LEN = 16 };
// A reader never waits for the writer in WAL mode; this is for the moment when a log is recovered or truncated.
enum { DB_BUSY_TIMEOUT_MS = 10 * 1000 };

struct db {
    struct backend_conn conn;
    sqlite3 *handle;
    sqlite3_stmt *statements[SQL_COUNT];
    uint8_t secret[DB_SECRET_LEN]; // writer: keys the memory of accepted messages
    uint64_t wal_octets;           // writer: size of the log after the last commit
    uint64_t checkpointed_octets;  // writer: its size when the last checkpoint was asked for
    bool wal_used;                 // writer: something may stand in the log
    uint64_t truncated_ms;         // writer: when the log was last empty
    int64_t least_hour;            // writer: the hour that expiry remembers (store/expiry_ops.h)
};

static inline struct db *db_of(struct backend_conn *c) {
    return CONTAINER_OF(c, struct db, conn);
}

// Opens `<dir>/martlet.db`. NULL with a sentence; neither creates nor changes it.
MUST_USE struct db *db_open(const char *dir, const char **ret_error);
// NULL is accepted.
void db_close(struct db *db);

// The status of an SQLite error on this connection; logs it when it is STORE_FAILED.
enum store_status db_failed(struct db *db, int rc);
// Runs SQL that is not worth a statement of its own (PRAGMA, schema).
MUST_USE enum store_status db_exec(struct db *db, const char *sql);
// Runs a statement without parameters and results.
MUST_USE enum store_status db_run(struct db *db, enum sql sql);
uint64_t db_last_id(const struct db *db);
uint64_t db_changes(const struct db *db);

struct query {
    struct db *db;
    sqlite3_stmt *stmt;
    int next_param;
    int rc;
};

void query_begin(struct query *q, struct db *db, enum sql sql);
void query_bind_u64(struct query *q, uint64_t v);
void query_bind_i64(struct query *q, int64_t v);
// Borrowed until query_end(). query_bind_blob() of NULL binds NULL.
void query_bind_text(struct query *q, const char *s);
void query_bind_blob(struct query *q, const void *data, size_t len);
// True: there is a row. False: no more, or an error.
MUST_USE bool query_row(struct query *q);
// Column values of the row; text and blobs are valid until the next row.
uint64_t query_u64(struct query *q, int column);
uint32_t query_u32(struct query *q, int column);
int64_t query_i64(struct query *q, int column);
const char *query_text(struct query *q, int column);  // never NULL
struct slice query_blob(struct query *q, int column); // ptr NULL for NULL
// Ends the query; with query_exec() after stepping through its rows.
MUST_USE enum store_status query_end(struct query *q);
MUST_USE enum store_status query_exec(struct query *q);
