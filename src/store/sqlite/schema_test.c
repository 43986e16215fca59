// SPDX-License-Identifier: MIT
// The schema: a new version of it, the refusal of what is newer or not ours, what the file remembers. Migrations of
// stores with data stand in migration_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/sqlite/schema.h"
#include "store/test_support.h"

static enum store_status add_column(struct db *db) {
    return db_exec(db, "ALTER TABLE account ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'");
}

static enum store_status half_done(struct db *db) {
    enum store_status status = db_exec(db, "CREATE TABLE half(x); UPDATE account SET colour = 'blue'");
    return status == STORE_OK ? STORE_FAILED : status;
}

enum { NOW = 5, NEXT = 6, BROKEN = 7 }; // versions: of this program, and of two of the future

// The next version adds a column, the one after it fails.
static void test_older(void **state) {
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    fixture_close(&f);
    schema_migration *const migrations[] = {schema_migrations[0],
                                            schema_migrations[1],
                                            schema_migrations[2],
                                            schema_migrations[3],
                                            schema_migrations[4],
                                            add_column,
                                            half_done};
    const char *error = NULL;
    struct db *db = db_open(f.dir, &error);
    assert_non_null(db);
    assert_int_equal(schema_n_migrations, NOW);
    assert_int_equal(schema_check(db, NEXT), SCHEMA_OLDER);
    // All of the way or none of it: the program of before has to find what it left.
    assert_false(schema_migrate(db, migrations, BROKEN, &error));
    assert_string_equal(error, "the database could not be brought to this version; it was left as it was");
    assert_int_equal(schema_check(db, NOW), SCHEMA_CURRENT);
    assert_true(schema_migrate(db, migrations, NEXT, &error));
    assert_int_equal(schema_check(db, NEXT), SCHEMA_CURRENT);
    assert_false(schema_migrate(db, migrations, BROKEN, &error));
    assert_string_equal(error, "the database could not be brought to this version; it was left as it was");
    assert_int_equal(schema_check(db, NEXT), SCHEMA_CURRENT);
    db_close(db);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM account WHERE colour = 'red'"), 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);

    // Now this program finds a database of the next version.
    struct store_settings settings = {.dir = f.dir, .mailbox_quota = 1, .n_readers = 1};
    int n;
    assert_null(store_open(&settings, &error));
    assert_string_equal(error, "the database was written by a newer version of this program");
    assert_string_equal(fixture_verify(&f, &n), "error: the database was written by a newer version of this program");
    fixture_sql(&f, "ALTER TABLE account DROP COLUMN colour; PRAGMA user_version = 5");
    fixture_open(&f);
    fixture_done(&f);
}

static size_t read_database(struct fixture *f, char *ret, size_t size) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f->dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, ret, size);
    (void)close(fd);
    assert_true(n > 0 && (size_t)n < size);
    return (size_t)n;
}

// Refused, and not an octet of it changed.
static void test_refused_untouched(void **state) {
    static const struct {
        const char *sql, *error;
    } cases[] = {
        {"PRAGMA user_version = 6", "the database was written by a newer version of this program"},
        {"PRAGMA user_version = 1; PRAGMA application_id = 5", "the database belongs to another program"},
        {"PRAGMA user_version = 0", "the database belongs to another program"},
    };
    static char before[1 << 20], after[1 << 20];
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    fixture_close(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fixture_sql(&f, cases[i].sql);
        size_t n = read_database(&f, before, sizeof(before));
        struct store_settings settings = {.dir = f.dir, .mailbox_quota = 1, .n_readers = 1};
        const char *error = NULL;
        assert_null(store_open(&settings, &error));
        assert_string_equal(error, cases[i].error);
        assert_int_equal(read_database(&f, after, sizeof(after)), n);
        assert_memory_equal(before, after, n);
    }
    fixture_sql(&f, "PRAGMA user_version = 5; PRAGMA application_id = 0x6d726c74");
    fixture_open(&f);
    fixture_done(&f);
}

// The bodies of a database that was lost are left for its backup; without any, it is a first start.
static void test_lost(void **state) {
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    char *data = make_message(STORE_BODY_INLINE_MAX + 1, 1), path[128];
    assert_int_equal(deliver(&f, "a@example.org", data, STORE_BODY_INLINE_MAX + 1, NULL), STORE_DELIVERED);
    free(data);
    fixture_close(&f);
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f.dir);
    struct store_settings settings = {.dir = f.dir, .mailbox_quota = 1, .n_readers = 1};
    for (int missing = 0; missing <= 1; missing++) {
        const char *error = NULL;
        assert_int_equal(missing ? unlink(path) : truncate(path, 0), 0);
        assert_null(store_open(&settings, &error));
        assert_string_equal(error, "the database is missing or empty, and there are bodies of messages");
        assert_int_equal(fixture_files(&f, NULL), 1);
    }
    char body[256];
    assert_int_equal(fixture_files(&f, body), 1);
    assert_int_equal(unlink(body), 0);
    fixture_open(&f);
    fixture_done(&f);
}

static int pragma(struct db *db, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int value = sqlite3_column_int(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

// Neither sorting keys nor writing rows anew leaves a trace on the disk, whoever opens the database.
static void test_no_traces(void **state) {
    struct fixture f;
    fixture_init(&f);
    fixture_close(&f);
    const char *error = NULL;
    struct db *db = db_open(f.dir, &error);
    assert_non_null(db);
    assert_int_equal(pragma(db, "PRAGMA temp_store"), 2); // MEMORY
    assert_int_equal(pragma(db, "PRAGMA secure_delete"), 1);
    db_close(db);
    fixture_open(&f);
    fixture_done(&f);
}

// What the file itself remembers.
static void test_settings(void **state) {
    static const struct {
        const char *sql;
        int64_t want;
    } cases[] = {
        {"PRAGMA auto_vacuum", 2},
        {"SELECT journal_mode = 'wal' FROM pragma_journal_mode", 1},
        {"PRAGMA application_id", SCHEMA_APPLICATION_ID},
        {"PRAGMA user_version", NOW},
        {"PRAGMA page_size", 4096},
        {"SELECT length(value) FROM meta WHERE name = 'secret'", DB_SECRET_LEN},
    };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(fixture_number(&f, cases[i].sql), cases[i].want);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older),    cmocka_unit_test(test_refused_untouched), cmocka_unit_test(test_lost),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_no_traces),
    };
    return cmocka_run_group_tests_name("store/schema", tests, NULL, NULL);
}
