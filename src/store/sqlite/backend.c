// SPDX-License-Identifier: MIT
// The SQLite backend: one file, in WAL mode, synced at every commit. The log is carried into the database beside the
// writer when it has grown, and emptied when the writer is idle, so that deleted keys do not stay in it.
#include "store/backend.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/dir_lock.h"
#include "store/sqlite/db.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/verify.h"

enum {
    CHECKPOINT_OCTETS = 4 * 1024 * 1024, // of log: one is made beside the writer
    WAL_MAX_OCTETS = 16 * 1024 * 1024,   // of log: the writer makes one itself
    PREFILL_STEP = 128 * 1024,
    RESTART_WAIT_MS = 100, // for readers, for each WAL_MAX_OCTETS of log
    RESTART_WAIT_MAX_MS = 2000,
    TRUNCATE_IDLE_WAIT_MS = 20,    // there is a next time at once
    TRUNCATE_BUSY_WAIT_MS = 200,   // there is a next time in a minute
    PURGE_ROWS = 1000,             // of the memory of accepted messages, at a time
    VACUUM_PAGES = 256,            // of free pages, at a time
    TRUNCATE_EVERY_MS = 20 * 1000, // however much there is to tidy
    REMEMBERED_DAYS = 1,           // before and after this one that the memory of accepted messages reaches
};

// ---- preparing ----

// Makes an empty file that only we may read; SQLite gives its log the same mode.
static bool create_file(const char *dir, const char **ret_error) {
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd >= 0 ? openat(dir_fd, "martlet.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    bool ok = fd >= 0 && fsync(dir_fd) == 0;
    if (!ok)
        *ret_error = dir_lock_errno("the database cannot be created");
    if (fd >= 0)
        (void)close(fd);
    if (dir_fd >= 0)
        (void)close(dir_fd);
    return ok;
}

static void find_file(void *arg, const struct body_name *name) {
    (void)name;
    *(bool *)arg = true;
}

// Bodies without a database are those of one that was lost: its backup may still come back, and wants them.
static bool has_orphans(struct body_dir *bodies) {
    bool found = false;
    return !body_dir_walk(bodies, find_file, NULL, &found) || found;
}

// auto_vacuum counts only before the first table, and is kept in the file as the journal mode is.
static bool migrate(struct db *db, struct body_dir *bodies, const char **ret_error) {
    enum schema_state state = schema_check(db, schema_n_migrations);
    if (state == SCHEMA_NEW && has_orphans(bodies)) {
        *ret_error = "the database is missing or empty, and there are bodies of messages";
        return false;
    }
    if (state == SCHEMA_CURRENT || state == SCHEMA_NEW || state == SCHEMA_OLDER) {
        if (db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL") !=
            STORE_OK) {
            *ret_error = "the database cannot be used";
            return false;
        }
    }
    return schema_migrate(db, schema_migrations, schema_n_migrations, ret_error);
}

// What a crash left between naming a file and committing its row, or between removing a row and its file.
struct sweep {
    struct db *db;
    struct body_dir *bodies;
    unsigned removed;
};

static void sweep_file(void *arg, const struct body_name *name) {
    struct sweep *s = arg;
    struct query q;
    query_begin(&q, s->db, SQL_BODY_HAS_FILE);
    query_bind_blob(&q, name->octets, sizeof(name->octets));
    bool known = query_row(&q);
    if (query_end(&q) != STORE_OK || known)
        return;
    body_dir_unlink(s->bodies, name);
    s->removed++;
}

// Counting its memory takes SQLite a lock at every allocation, which all threads share.
static void configure(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

// Times that were given by a clock that was wrong would keep what has them waiting.
static void repair_times(struct db *db) {
    if (queue_repair_times(db, clock_wall_s()) != STORE_OK)
        log_warning("store.queue_times", "reason=\"times of the queue could not be looked at\"");
    if (push_repair_times(db, clock_wall_ms()) != STORE_OK)
        log_warning("store.push_times", "reason=\"times of pushes could not be looked at\"");
}

static bool prepare(struct backend_context *context, const char **ret_error) {
    static pthread_once_t configure_once = PTHREAD_ONCE_INIT;
    ASSERT(pthread_once(&configure_once, configure) == 0);
    if (!create_file(context->dir, ret_error))
        return false;
    struct db *db = db_open(context->dir, ret_error);
    if (db == NULL)
        return false;
    bool ok = migrate(db, context->bodies, ret_error);
    if (ok) {
        repair_times(db);
        struct sweep sweep = {db, context->bodies, 0};
        ok = body_dir_walk(context->bodies, sweep_file, NULL, &sweep);
        if (!ok)
            *ret_error = dir_lock_errno("the directory of bodies cannot be read");
        if (sweep.removed > 0)
            log_info("store.swept", "files=%u", sweep.removed);
    }
    db_close(db);
    return ok;
}

// ---- connections ----

// Counts the log after each commit; checkpoints are ours to make.
static int on_wal(void *arg, sqlite3 *handle, const char *name, int pages) {
    struct db *db = arg;
    (void)handle;
    (void)name;
    db->wal_octets = (uint64_t)pages * 4096;
    db->wal_used = true;
    return SQLITE_OK;
}

static bool load_secret(struct db *db) {
    sqlite3_stmt *stmt = NULL;
    bool ok =
        sqlite3_prepare_v2(db->handle, "SELECT value FROM meta WHERE name = 'secret'", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == DB_SECRET_LEN;
    if (ok)
        memcpy(db->secret, sqlite3_column_blob(stmt, 0), DB_SECRET_LEN);
    (void)sqlite3_finalize(stmt);
    return ok;
}

static int64_t read_number(struct db *db, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    int64_t n = 0;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return n;
}

static struct backend_conn *connect_db(struct backend_context *context, enum backend_role role) {
    static const char *const settings[] = {
        [BACKEND_READER] = "PRAGMA query_only = ON; PRAGMA cache_size = -512",
        [BACKEND_WRITER] = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -2048",
        [BACKEND_CHECKPOINTER] = "PRAGMA synchronous = FULL; PRAGMA cache_size = -64; PRAGMA wal_autocheckpoint = 0",
    };
    const char *error;
    struct db *db = db_open(context->dir, &error);
    if (db == NULL)
        return NULL;
    db->conn.context = context;
    bool ok = db_exec(db, settings[role]) == STORE_OK;
    if (ok && role == BACKEND_WRITER) {
        ok = load_secret(db);
        db->least_hour = read_number(db, "SELECT value FROM meta WHERE name = 'expiry_hour'");
        (void)sqlite3_wal_hook(db->handle, on_wal, db);
        db->wal_used = true;
        db->truncated_ms = clock_mono_ms();
    }
    if (!ok) {
        db_close(db);
        return NULL;
    }
    return &db->conn;
}

static void disconnect(struct backend_conn *c) {
    if (c != NULL)
        db_close(db_of(c));
}

// ---- transactions ----

static enum store_status read_begin(struct backend_conn *c) {
    return db_run(db_of(c), SQL_BEGIN_READ);
}

// Where there is nothing to be done about a failure, which is logged.
static void end_with(struct db *db, enum sql sql) {
    enum store_status ignored = db_run(db, sql);
    (void)ignored;
}

static void read_end(struct backend_conn *c) {
    end_with(db_of(c), SQL_COMMIT);
}

static enum store_status group_begin(struct backend_conn *c) {
    return db_run(db_of(c), SQL_BEGIN_WRITE);
}

static enum store_status group_commit(struct backend_conn *c) {
    return db_run(db_of(c), SQL_COMMIT);
}

// Some errors have ended the transaction already.
static void group_rollback(struct backend_conn *c) {
    if (sqlite3_get_autocommit(db_of(c)->handle) == 0)
        end_with(db_of(c), SQL_ROLLBACK);
}

static enum store_status op_begin(struct backend_conn *c) {
    return db_run(db_of(c), SQL_SAVEPOINT);
}

static enum store_status op_release(struct backend_conn *c) {
    return db_run(db_of(c), SQL_SAVEPOINT_RELEASE);
}

static bool op_rollback(struct backend_conn *c) {
    struct db *db = db_of(c);
    return sqlite3_get_autocommit(db->handle) == 0 && db_run(db, SQL_SAVEPOINT_ROLLBACK) == STORE_OK &&
           db_run(db, SQL_SAVEPOINT_RELEASE) == STORE_OK;
}

// ---- housekeeping ----

// A checkpoint of the writer's own, which waits for readers at most that long. SQLITE_BUSY: one was in it to the end.
static int checkpoint_waiting(struct db *db, int mode, int wait_ms) {
    (void)sqlite3_busy_timeout(db->handle, wait_ms);
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    (void)sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
    return rc;
}

// One checkpoint for every CHECKPOINT_OCTETS of log. When those beside the writer do not keep the log small, because
// there is always a newer commit or a reader in the log, the writer stops for one of its own and lets the readers leave
// (new ones read the database alone meanwhile); the next commit then begins the log anew. The larger the log, the
// longer it waits, so that the log has an end however busy the readers are.
static bool wants_checkpoint(struct backend_conn *c) {
    struct db *db = db_of(c);
    if (db->wal_octets < db->checkpointed_octets)
        db->checkpointed_octets = 0;
    if (db->wal_octets - db->checkpointed_octets < CHECKPOINT_OCTETS)
        return false;
    db->checkpointed_octets = db->wal_octets;
    if (db->wal_octets < WAL_MAX_OCTETS)
        return true;
    uint64_t wait_ms = db->wal_octets / WAL_MAX_OCTETS * RESTART_WAIT_MS;
    (void)checkpoint_waiting(db, SQLITE_CHECKPOINT_RESTART,
                             wait_ms < RESTART_WAIT_MAX_MS ? (int)wait_ms : RESTART_WAIT_MAX_MS);
    return false;
}

static void checkpoint(struct backend_conn *c) {
    (void)sqlite3_wal_checkpoint_v2(db_of(c)->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

// Writes zeros where the log will stand, as many as it lately needed. A commit that only overwrites needs one flush of
// the disk; one that makes the file longer needs the file system's journal too, which takes as long again. SQLite takes
// zeros for an empty log. Failing costs nothing but that time.
static void prefill_wal(struct db *db, uint64_t octets) {
    static const char zeros[PREFILL_STEP];
    sqlite3_file *log = NULL;
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        log->pMethods == NULL)
        return;
    if (octets > CHECKPOINT_OCTETS)
        octets = CHECKPOINT_OCTETS;
    int rc = SQLITE_OK;
    for (uint64_t at = 0; at < octets && rc == SQLITE_OK; at += PREFILL_STEP)
        rc = log->pMethods->xWrite(log, zeros, PREFILL_STEP, (sqlite3_int64)at);
    if (rc == SQLITE_OK)
        (void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

// False when there is something left in the log: a reader was in it.
static bool truncate_wal(struct db *db, bool idle) {
    if (!db->wal_used) {
        db->truncated_ms = clock_mono_ms();
        return true;
    }
    // Writes that come now wait for it, so it waits for a reader only briefly.
    int wait_ms = idle ? TRUNCATE_IDLE_WAIT_MS : TRUNCATE_BUSY_WAIT_MS;
    if (checkpoint_waiting(db, SQLITE_CHECKPOINT_TRUNCATE, wait_ms) != SQLITE_OK)
        return false;
    if (idle)
        prefill_wal(db, db->wal_octets);
    db->wal_used = false;
    db->wal_octets = 0;
    db->truncated_ms = clock_mono_ms();
    return true;
}

static enum store_status purge_days(struct db *db, enum sql sql, int64_t day, bool *ret_more) {
    struct query q;
    query_begin(&q, db, sql);
    query_bind_i64(&q, day);
    query_bind_u64(&q, PURGE_ROWS);
    enum store_status status = query_exec(&q);
    *ret_more = *ret_more || (status == STORE_OK && db_changes(db) == PURGE_ROWS);
    return status;
}

// Days that are still to come were written under a clock that was wrong.
static enum store_status purge_accepted(struct db *db, bool *ret_more) {
    int64_t today = clock_wall_day();
    enum store_status status = purge_days(db, SQL_ACCEPTED_PURGE, today - REMEMBERED_DAYS, ret_more);
    if (status == STORE_OK)
        status = purge_days(db, SQL_ACCEPTED_PURGE_FUTURE, today + REMEMBERED_DAYS, ret_more);
    return status;
}

// Free pages are used again soon while messages come; only an idle store gives them back.
static enum store_status vacuum(struct db *db, bool *ret_more) {
    char sql[64];
    int64_t free_pages = read_number(db, "PRAGMA freelist_count");
    *ret_more = free_pages > VACUUM_PAGES;
    if (free_pages == 0)
        return STORE_OK;
    (void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return db_exec(db, sql);
}

// Today, but no day that expiry has not come to: a clock far ahead, perhaps for a moment, makes nothing old.
static int64_t day_to_purge_by(const struct db *db) {
    int64_t today = clock_wall_day(), reached = db->least_hour / 24;
    return reached > 0 && reached + 1 < today ? reached + 1 : today;
}

static bool tidy(struct backend_conn *c, bool idle) {
    struct db *db = db_of(c);
    bool more_purge = false, more_vacuum = false;
    enum store_status status = purge_accepted(db, &more_purge);
    if (status == STORE_OK)
        status = sts_purge(db, clock_wall_s(), &more_purge);
    if (status == STORE_OK)
        status = token_purge(db, day_to_purge_by(db), &more_purge);
    if (status == STORE_OK)
        status = push_purge(db, clock_wall_ms(), &more_purge);
    if (status == STORE_OK && idle)
        status = vacuum(db, &more_vacuum);
    bool more = status == STORE_OK && (more_purge || more_vacuum);
    if (more && clock_mono_ms() - db->truncated_ms < TRUNCATE_EVERY_MS)
        return true;
    return !truncate_wal(db, idle) || more;
}

// Nobody reads any more. Closing the last connection then removes the log.
static void finish(struct backend_conn *c) {
    (void)sqlite3_wal_checkpoint_v2(db_of(c)->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

const struct store_backend sqlite_backend = {
    .name = "sqlite",
    .run =
        {
            [OP_ACCOUNT_FIND] = sqlite_account_find,
            [OP_ACCOUNT_CREATE] = sqlite_account_create,
            [OP_ACCOUNT_TOUCH] = sqlite_account_touch,
            [OP_ACCOUNT_SHOW] = sqlite_account_show,
            [OP_ACCOUNT_LIST] = sqlite_account_list,
            [OP_ACCOUNT_BLOCK] = sqlite_account_block,
            [OP_ACCOUNT_DELETE] = sqlite_account_delete,
            [OP_QUOTA] = sqlite_quota,
            [OP_TOKEN_ADD] = sqlite_token_add,
            [OP_TOKEN_LIST] = sqlite_token_list,
            [OP_INVITATION_ADD] = sqlite_invitation_add,
            [OP_INVITATION_FIND] = sqlite_invitation_find,
            [OP_INVITATION_LIST] = sqlite_invitation_list,
            [OP_INVITATION_DELETE] = sqlite_invitation_delete,
            [OP_SECRET] = sqlite_secret,
            [OP_MAILBOX_LIST] = sqlite_mailbox_list,
            [OP_MAILBOX_OPEN] = sqlite_mailbox_open,
            [OP_MAILBOX_EDIT] = sqlite_mailbox_edit,
            [OP_DELIVER] = sqlite_deliver,
            [OP_APPEND] = sqlite_append,
            [OP_FETCH] = sqlite_fetch,
            [OP_BODY_READ] = sqlite_body_read,
            [OP_FLAGS] = sqlite_flags,
            [OP_EXPUNGE] = sqlite_expunge,
            [OP_COPY] = sqlite_copy,
            [OP_QUEUE_DESTINATIONS] = sqlite_queue_destinations,
            [OP_QUEUE_LOAD] = sqlite_queue_load,
            [OP_QUEUE_EXPIRED] = sqlite_queue_expired,
            [OP_QUEUE_SETTLE] = sqlite_queue_settle,
            [OP_QUEUE_DEFER] = sqlite_queue_defer,
            [OP_QUEUE_ALIVE] = sqlite_queue_alive,
            [OP_QUEUE_TOTAL] = sqlite_queue_total,
            [OP_QUEUE_LIST] = sqlite_queue_list,
            [OP_QUEUE_SHOW] = sqlite_queue_show,
            [OP_QUEUE_FIND] = sqlite_queue_find,
            [OP_QUEUE_RETRY] = sqlite_queue_retry,
            [OP_STS_FIND] = sqlite_sts_find,
            [OP_STS_KEEP] = sqlite_sts_keep,
            [OP_STS_FORGET] = sqlite_sts_forget,
            [OP_PUSH_LOAD] = sqlite_push_load,
            [OP_PUSH_SETTLE] = sqlite_push_settle,
            [OP_PUSH_TOTAL] = sqlite_push_total,
            [OP_OVERVIEW] = sqlite_overview,
            [OP_EXPIRY_FIND] = sqlite_expiry_find,
            [OP_EXPIRY_REMOVE] = sqlite_expiry_remove,
            [OP_EXPIRY_SHOWN] = sqlite_expiry_shown,
            [OP_EXPIRY_CLOCK] = sqlite_expiry_clock,
            [OP_EXPIRY_CLOCK_KEEP] = sqlite_expiry_clock_keep,
            [OP_EXPIRY_MEND] = sqlite_expiry_mend,
        },
    .prepare = prepare,
    .connect = connect_db,
    .disconnect = disconnect,
    .read_begin = read_begin,
    .read_end = read_end,
    .group_begin = group_begin,
    .group_commit = group_commit,
    .group_rollback = group_rollback,
    .op_begin = op_begin,
    .op_release = op_release,
    .op_rollback = op_rollback,
    .wants_checkpoint = wants_checkpoint,
    .checkpoint = checkpoint,
    .tidy = tidy,
    .run_rest = sqlite_run_rest,
    .finish = finish,
    .verify = sqlite_verify,
};
