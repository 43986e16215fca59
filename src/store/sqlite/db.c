// SPDX-License-Identifier: MIT
#include "store/sqlite/db.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

struct db *db_open(const char *dir, const char **ret_error) {
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/martlet.db", dir);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        *ret_error = "the path of the state directory is too long";
        return NULL;
    }
    struct db *db = MEM_NEW(struct db);
    int rc =
        sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        *ret_error = "the database cannot be opened";
        db_close(db);
        return NULL;
    }
    (void)sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
    // What is sorted may be keys, and a savepoint may hold anything: none of it goes to a temporary file. And whoever
    // writes, a migration too, leaves nothing of a key where a row was.
    static const char settings[] = "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON";
    if (sqlite3_exec(db->handle, settings, NULL, NULL, NULL) != SQLITE_OK) {
        *ret_error = "the database cannot be used";
        db_close(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db) {
    if (db == NULL)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->handle);
    effects_done(&db->conn.effects);
    free(db);
}

// The system's reason for the last failure on the database (SQLITE_FCNTL_FILE_POINTER) or its log (_JOURNAL_POINTER).
static int last_errno(struct db *db, int which) {
    sqlite3_file *file = NULL;
    int err = 0;
    if (sqlite3_file_control(db->handle, "main", which, &file) == SQLITE_OK && file != NULL && file->pMethods != NULL)
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &err);
    return err;
}

static bool is_no_room(int err) {
    return err == ENOSPC || err == EDQUOT || err == EFBIG;
}

enum store_status db_failed(struct db *db, int rc) {
    // SQLite knows ENOSPC; a disk quota or a limit of the process is an I/O error to it.
    if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE)
        return STORE_FULL;
    int err = (rc & 0xff) == SQLITE_IOERR ? last_errno(db, SQLITE_FCNTL_JOURNAL_POINTER) : 0;
    if (err == 0 && (rc & 0xff) == SQLITE_IOERR)
        err = last_errno(db, SQLITE_FCNTL_FILE_POINTER);
    // Not when it was found out while syncing: then something may be there all the same.
    if (is_no_room(err) && rc != SQLITE_IOERR_FSYNC)
        return STORE_FULL;
    // The text of the error holds names of tables, never values.
    log_error("store.sqlite_failed", "code=%d errno=%d text=\"%s\"", rc, err, sqlite3_errmsg(db->handle));
    return STORE_FAILED;
}

enum store_status db_exec(struct db *db, const char *sql) {
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? STORE_OK : db_failed(db, rc);
}

enum store_status db_run(struct db *db, enum sql sql) {
    struct query q;
    query_begin(&q, db, sql);
    return query_exec(&q);
}

uint64_t db_last_id(const struct db *db) {
    return (uint64_t)sqlite3_last_insert_rowid(db->handle);
}

uint64_t db_changes(const struct db *db) {
    return (uint64_t)sqlite3_changes64(db->handle);
}

void query_begin(struct query *q, struct db *db, enum sql sql) {
    *q = (struct query){.db = db, .next_param = 1, .rc = SQLITE_OK};
    sqlite3_stmt **stmt = &db->statements[sql];
    if (*stmt == NULL)
        q->rc = sqlite3_prepare_v3(db->handle, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    q->stmt = *stmt;
}

static void bound(struct query *q, int rc) {
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void query_bind_u64(struct query *q, uint64_t v) {
    query_bind_i64(q, (int64_t)v);
}

void query_bind_i64(struct query *q, int64_t v) {
    bound(q, sqlite3_bind_int64(q->stmt, q->next_param++, v));
}

void query_bind_text(struct query *q, const char *s) {
    bound(q, sqlite3_bind_text(q->stmt, q->next_param++, s, -1, SQLITE_STATIC));
}

void query_bind_blob(struct query *q, const void *data, size_t len) {
    bound(q, sqlite3_bind_blob64(q->stmt, q->next_param++, data, len, SQLITE_STATIC));
}

bool query_row(struct query *q) {
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW)
        return false;
    q->rc = sqlite3_step(q->stmt);
    return q->rc == SQLITE_ROW;
}

uint64_t query_u64(struct query *q, int column) {
    return (uint64_t)sqlite3_column_int64(q->stmt, column);
}

uint32_t query_u32(struct query *q, int column) {
    return (uint32_t)sqlite3_column_int64(q->stmt, column);
}

int64_t query_i64(struct query *q, int column) {
    return sqlite3_column_int64(q->stmt, column);
}

const char *query_text(struct query *q, int column) {
    const unsigned char *text = sqlite3_column_text(q->stmt, column);
    return text != NULL ? (const char *)text : "";
}

struct slice query_blob(struct query *q, int column) {
    const void *blob = sqlite3_column_blob(q->stmt, column);
    return slice_make(blob, (size_t)sqlite3_column_bytes(q->stmt, column));
}

enum store_status query_end(struct query *q) {
    bool ok = q->rc == SQLITE_OK || q->rc == SQLITE_ROW || q->rc == SQLITE_DONE;
    enum store_status status = ok ? STORE_OK : db_failed(q->db, q->rc);
    (void)sqlite3_reset(q->stmt);
    return status;
}

enum store_status query_exec(struct query *q) {
    while (query_row(q)) {
    }
    return query_end(q);
}
