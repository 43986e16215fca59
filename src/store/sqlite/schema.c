// SPDX-License-Identifier: MIT
#include "store/sqlite/schema.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"

// The address of an account stands in `account` alone. The key of a body stands in `entry` and `letter` alone: one
// octet of format, then the key. The row of a body that counts its references stands apart from its octets, so that
// counting does not rewrite them.
static const char version_1[] = "CREATE TABLE meta("
                                " name TEXT PRIMARY KEY,"
                                " value ANY NOT NULL"
                                ") STRICT, WITHOUT ROWID;"

                                "CREATE TABLE account("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " address TEXT NOT NULL UNIQUE,"
                                " password TEXT NOT NULL,"
                                " inbox_id INTEGER NOT NULL,"
                                " last_login_day INTEGER NOT NULL,"
                                " blocked INTEGER NOT NULL DEFAULT 0"
                                ") STRICT;"

                                "CREATE TABLE mailbox("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " account_id INTEGER NOT NULL,"
                                " name TEXT NOT NULL,"
                                " subscribed INTEGER NOT NULL,"
                                " uid_validity INTEGER NOT NULL,"
                                " uid_next INTEGER NOT NULL DEFAULT 1,"
                                " modseq INTEGER NOT NULL DEFAULT 1,"
                                " messages INTEGER NOT NULL DEFAULT 0,"
                                " unseen INTEGER NOT NULL DEFAULT 0,"
                                " deleted INTEGER NOT NULL DEFAULT 0,"
                                " octets INTEGER NOT NULL DEFAULT 0,"
                                " UNIQUE(account_id, name)"
                                ") STRICT;"

                                "CREATE TABLE entry("
                                " mailbox_id INTEGER NOT NULL,"
                                " uid INTEGER NOT NULL,"
                                " body_id INTEGER NOT NULL,"
                                " key BLOB NOT NULL,"
                                " flags INTEGER NOT NULL,"
                                " keywords TEXT NOT NULL,"
                                " size INTEGER NOT NULL,"
                                " date INTEGER NOT NULL,"
                                " modseq INTEGER NOT NULL,"
                                " PRIMARY KEY(mailbox_id, uid)"
                                ") STRICT, WITHOUT ROWID;"
                                "CREATE INDEX entry_deleted ON entry(mailbox_id, uid) WHERE flags & 8;"

                                "CREATE TABLE body("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " format INTEGER NOT NULL,"
                                " refs INTEGER NOT NULL,"
                                " size INTEGER NOT NULL,"
                                " file BLOB"
                                ") STRICT;"
                                "CREATE UNIQUE INDEX body_file ON body(file) WHERE file IS NOT NULL;"
                                "CREATE TABLE body_data("
                                " id INTEGER PRIMARY KEY,"
                                " data BLOB NOT NULL"
                                ") STRICT;"

                                "CREATE TABLE token("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " account_id INTEGER NOT NULL,"
                                " token TEXT NOT NULL,"
                                " UNIQUE(account_id, token)"
                                ") STRICT;"

                                "CREATE TABLE accepted("
                                " day INTEGER NOT NULL,"
                                " hash BLOB NOT NULL,"
                                " PRIMARY KEY(day, hash)"
                                ") STRICT, WITHOUT ROWID;";

// A mailbox that was deleted, alone or with its account, has no row any more; its number stands in `doomed` until its
// entries are gone, too.
static const char version_2[] = "CREATE TABLE invitation("
                                " number BLOB PRIMARY KEY CHECK(length(number) = 16),"
                                " uses INTEGER NOT NULL CHECK(uses > 0),"
                                " last_day INTEGER NOT NULL"
                                ") STRICT, WITHOUT ROWID;"
                                "CREATE INDEX invitation_last_day ON invitation(last_day, number);"

                                "CREATE TABLE secret("
                                " name TEXT PRIMARY KEY,"
                                " value BLOB NOT NULL CHECK(length(value) = 32)"
                                ") STRICT, WITHOUT ROWID;"

                                "CREATE TABLE doomed("
                                " mailbox_id INTEGER PRIMARY KEY"
                                ") STRICT;";

// The outbound queue (store/queue_ops.h). Recipients stand in a due row each with a line feed behind it. Counters go
// with the rows, so that nobody has to count. A letter names its sender by a row that forgets the account when that is
// deleted; 0 is none. destination.next_at is the later of deferred_until and the first next_at of its due rows.
static const char version_3[] = "CREATE TABLE letter("
                                " id INTEGER PRIMARY KEY,"
                                " body_id INTEGER NOT NULL,"
                                " key BLOB NOT NULL,"
                                " size INTEGER NOT NULL,"
                                " reverse_path TEXT NOT NULL,"
                                " sender_id INTEGER NOT NULL,"
                                " flags INTEGER NOT NULL,"
                                " dues INTEGER NOT NULL,"
                                " prefix BLOB NOT NULL"
                                ") STRICT;"

                                "CREATE TABLE due("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " letter_id INTEGER NOT NULL,"
                                " destination_id INTEGER NOT NULL,"
                                " created INTEGER NOT NULL,"
                                " next_at INTEGER NOT NULL,"
                                " attempts INTEGER NOT NULL,"
                                " reply TEXT NOT NULL,"
                                " n_recipients INTEGER NOT NULL,"
                                " recipients TEXT NOT NULL"
                                ") STRICT;"
                                "CREATE INDEX due_next ON due(destination_id, next_at);"
                                "CREATE INDEX due_created ON due(destination_id, created);"

                                "CREATE TABLE destination("
                                " id INTEGER PRIMARY KEY,"
                                " name TEXT NOT NULL UNIQUE,"
                                " next_at INTEGER NOT NULL,"
                                " deferred_until INTEGER NOT NULL DEFAULT 0,"
                                " attempts INTEGER NOT NULL DEFAULT 0,"
                                " failing_since INTEGER NOT NULL DEFAULT 0,"
                                " oldest INTEGER NOT NULL,"
                                " dues INTEGER NOT NULL,"
                                " recipients INTEGER NOT NULL,"
                                " octets INTEGER NOT NULL,"
                                " error TEXT NOT NULL DEFAULT ''"
                                ") STRICT;"
                                "CREATE INDEX destination_next ON destination(next_at, name);"
                                "CREATE INDEX destination_oldest ON destination(oldest);"

                                "CREATE TABLE sender("
                                " id INTEGER PRIMARY KEY,"
                                " account_id INTEGER,"
                                " recipients INTEGER NOT NULL"
                                ") STRICT;"
                                "CREATE UNIQUE INDEX sender_account ON sender(account_id);"

                                "CREATE TABLE queue("
                                " id INTEGER PRIMARY KEY CHECK(id = 1),"
                                " destinations INTEGER NOT NULL,"
                                " letters INTEGER NOT NULL,"
                                " dues INTEGER NOT NULL,"
                                " recipients INTEGER NOT NULL,"
                                " octets INTEGER NOT NULL"
                                ") STRICT;"
                                "INSERT INTO queue VALUES(1, 0, 0, 0, 0, 0);"

                                "CREATE TABLE sts_policy("
                                " domain TEXT PRIMARY KEY,"
                                " id TEXT NOT NULL,"
                                " mode INTEGER NOT NULL,"
                                " mx TEXT NOT NULL,"
                                " max_age INTEGER NOT NULL,"
                                " fetched_at INTEGER NOT NULL"
                                ") STRICT, WITHOUT ROWID;"
                                "CREATE INDEX sts_policy_fetched ON sts_policy(fetched_at);"
                                "CREATE INDEX sts_policy_end ON sts_policy(fetched_at + max_age);";

// Pushes (store/push_ops.h). A token is valid for a while from the day it was set, which nobody kept before; what had
// a character that no token has was let in by an older rule. A push goes with its token, whatever takes that. The index
// has first tries and retries apart.
static const char version_4[] = "ALTER TABLE token ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
                                "DELETE FROM token WHERE token GLOB '*[^]!#-[^-~]*';"
                                "CREATE INDEX token_account ON token(account_id, day);"
                                "CREATE INDEX token_day ON token(day);"

                                "CREATE TABLE push("
                                " token_id INTEGER PRIMARY KEY,"
                                " asked_ms INTEGER NOT NULL,"
                                " tries INTEGER NOT NULL CHECK(tries >= 0),"
                                " next_ms INTEGER NOT NULL"
                                ") STRICT;"
                                "CREATE INDEX push_next ON push(tries > 0, next_ms);"
                                "CREATE TRIGGER token_gone AFTER DELETE ON token BEGIN"
                                " DELETE FROM push WHERE token_id = OLD.id;"
                                " END;";

// Expiry (store/expiry_ops.h). The hour of arrival goes with a message wherever it is moved. Large messages stand in
// one of two indexes: those that wait to be shown to a client, by mailbox, and those that were, by age. `crowded` has
// the accounts that expiry has to look at.
static const char version_5[] = "ALTER TABLE entry ADD COLUMN hour INTEGER NOT NULL DEFAULT 0;"
                                "ALTER TABLE entry ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;"
                                "CREATE INDEX account_last_login ON account(last_login_day);"

                                "CREATE TABLE crowded("
                                " account_id INTEGER PRIMARY KEY,"
                                " next_hour INTEGER NOT NULL"
                                ") STRICT;";
static const char version_5_indexes[] = "CREATE INDEX entry_hour ON entry(hour);"
                                        "CREATE INDEX entry_large ON entry(hour) WHERE shown;"
                                        "CREATE INDEX entry_large_waits ON entry(mailbox_id, uid)"
                                        " WHERE size > 200000 AND NOT shown;";

static enum store_status set_meta(struct db *db, const char *name, const void *blob, size_t len, int64_t number) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "INSERT INTO meta(name, value) VALUES(?1, ?2)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc =
            blob != NULL ? sqlite3_bind_blob64(stmt, 2, blob, len, SQLITE_STATIC) : sqlite3_bind_int64(stmt, 2, number);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    enum store_status status = rc == SQLITE_DONE ? STORE_OK : db_failed(db, rc);
    (void)sqlite3_finalize(stmt);
    return status;
}

static enum store_status make_version_1(struct db *db) {
    uint8_t secret[DB_SECRET_LEN];
    random_bytes(secret, sizeof(secret));
    enum store_status status = db_exec(db, version_1);
    if (status == STORE_OK)
        status = set_meta(db, "secret", secret, sizeof(secret), 0);
    // UIDVALIDITY grows from the time the store was made, so that it is larger than in a store that was lost.
    if (status == STORE_OK)
        status = set_meta(db, "uid_validity", NULL, 0, clock_wall_s() & UINT32_MAX);
    return status;
}

static enum store_status make_version_2(struct db *db) {
    return db_exec(db, version_2);
}

static enum store_status make_version_3(struct db *db) {
    return db_exec(db, version_3);
}

static enum store_status make_version_4(struct db *db) {
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "UPDATE token SET day = %lld", (long long)clock_wall_day());
    enum store_status status = db_exec(db, version_4);
    return status == STORE_OK ? db_exec(db, sql) : status;
}

// Of what is there already, the date is the best that is known of its arrival, unless it is still to come. A clock that
// is behind the last login has not been set yet.
static enum store_status make_version_5(struct db *db) {
    char sql[192];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE entry SET hour = max(0, min(date / 3600, max(%lld,"
                   " (SELECT ifnull(max(last_login_day), 0) * 24 + 23 FROM account))))",
                   (long long)(clock_wall_s() / 3600));
    enum store_status status = db_exec(db, version_5);
    if (status == STORE_OK)
        status = db_exec(db, sql);
    return status == STORE_OK ? db_exec(db, version_5_indexes) : status;
}

schema_migration *const schema_migrations[] = {make_version_1, make_version_2, make_version_3, make_version_4,
                                               make_version_5};
const size_t schema_n_migrations = ARRAY_LEN(schema_migrations);

static bool read_number(struct db *db, const char *sql, int64_t *ret) {
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
    if (ok)
        *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return ok;
}

static bool read_version(struct db *db, int64_t *ret_version, int64_t *ret_application, int64_t *ret_objects) {
    return read_number(db, "PRAGMA user_version", ret_version) &&
           read_number(db, "PRAGMA application_id", ret_application) &&
           read_number(db, "SELECT count(*) FROM sqlite_schema", ret_objects);
}

enum schema_state schema_check(struct db *db, size_t n_migrations) {
    int64_t version, application, objects;
    if (!read_version(db, &version, &application, &objects))
        return SCHEMA_UNREADABLE;
    if (version == 0 && application == 0 && objects == 0)
        return SCHEMA_NEW;
    if (application != SCHEMA_APPLICATION_ID || version < 1)
        return SCHEMA_FOREIGN;
    return version == (int64_t)n_migrations  ? SCHEMA_CURRENT
           : version < (int64_t)n_migrations ? SCHEMA_OLDER
                                             : SCHEMA_NEWER;
}

static enum store_status migrate_from(struct db *db, schema_migration *const *migrations, size_t version, size_t n) {
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %zu", SCHEMA_APPLICATION_ID, n);
    enum store_status status = db_exec(db, "BEGIN IMMEDIATE");
    for (size_t i = version; status == STORE_OK && i < n; i++)
        status = migrations[i](db);
    if (status == STORE_OK)
        status = db_exec(db, sql);
    if (status == STORE_OK)
        status = db_exec(db, "COMMIT");
    if (status != STORE_OK && sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

bool schema_migrate(struct db *db, schema_migration *const *migrations, size_t n, const char **ret_error) {
    switch (schema_check(db, n)) {
    case SCHEMA_CURRENT:
        return true;
    case SCHEMA_NEWER:
        *ret_error = "the database was written by a newer version of this program";
        return false;
    case SCHEMA_FOREIGN:
        *ret_error = "the database belongs to another program";
        return false;
    case SCHEMA_UNREADABLE:
        *ret_error = "the database cannot be read";
        return false;
    case SCHEMA_NEW:
    case SCHEMA_OLDER:
        break;
    }
    int64_t version;
    if (!read_number(db, "PRAGMA user_version", &version)) {
        *ret_error = "the database cannot be read";
        return false;
    }
    if (migrate_from(db, migrations, (size_t)version, n) == STORE_OK)
        return true;
    *ret_error = "the database could not be brought to this version; it was left as it was";
    return false;
}
