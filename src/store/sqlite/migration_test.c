// SPDX-License-Identifier: MIT
// Migrations of stores with data, from each older version, and what a kill in the midst of one leaves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/push_ops.h"
#include "store/sqlite/schema.h"
#include "store/test_support.h"

enum { NOW = 5 }; // the version of this program

static void drop_to_version(struct fixture *f, int version) {
    fixture_sql(f,
                "UPDATE entry SET date = 1700000000 + 7200 * (uid % 9);" // so that no hour is 0 by itself
                "DROP TABLE crowded; DROP INDEX account_last_login; DROP INDEX entry_hour; DROP INDEX entry_large;"
                "DROP INDEX entry_large_waits; ALTER TABLE entry DROP COLUMN hour; ALTER TABLE entry DROP COLUMN shown;"
                "PRAGMA user_version = 4");
    if (version == 4)
        return;
    fixture_sql(f, "DROP TRIGGER token_gone; DROP TABLE push; DROP INDEX token_account; DROP INDEX token_day;"
                   "ALTER TABLE token DROP COLUMN day; PRAGMA user_version = 3");
    if (version == 3)
        return;
    fixture_sql(f, "DROP TABLE letter; DROP TABLE due; DROP TABLE destination; DROP TABLE sender; DROP TABLE queue;"
                   "DROP TABLE sts_policy; PRAGMA user_version = 2");
    if (version == 1)
        fixture_sql(f, "DROP TABLE invitation; DROP TABLE secret; DROP TABLE doomed; PRAGMA user_version = 1");
}

// What this version made of nothing: tables and indexes.
static int64_t count_schema(size_t version) {
    struct fixture f;
    fixture_init(&f);
    fixture_close(&f);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f.dir);
    assert_int_equal(truncate(path, 0), 0);
    const char *error = NULL;
    struct db *db = db_open(f.dir, &error);
    assert_non_null(db);
    assert_true(schema_migrate(db, schema_migrations, version, &error));
    db_close(db);
    int64_t n = fixture_number(&f, "SELECT sum(length(sql)) FROM sqlite_schema");
    fixture_open(&f);
    fixture_done(&f);
    return n;
}

static void queue_one(struct fixture *f) {
    uint8_t dedup[32] = {1};
    struct store_deliver *d = store_deliver_new(make_body(f, "letter", 6), dedup);
    store_deliver_add_remote(d, SLICE("example.net"), SLICE("b@example.net"));
    store_deliver_set_letter(d, SLICE("X: y\r\n"), SLICE("a@example.org"), 0);
    assert_int_equal(run_op(f, &d->op), STORE_OK);
    assert_int_equal(d->remotes[0].ret_outcome, STORE_QUEUED);
    store_op_free(&d->op);
    assert_int_equal(fixture_number(f, "SELECT dues FROM queue"), 1);
}

// Tokens count from today, and those that no token may be any more are gone.
static void push_one(struct fixture *f) {
    assert_int_equal(fixture_number(f, "SELECT sum(token IN ('token', 'other')) * 10 + count(*) FROM token"), 22);
    assert_int_equal(fixture_number(f, "SELECT sum(day) FROM token"), 2 * clock_wall_day());
    store_set_push_enabled(f->store, true);
    assert_int_equal(deliver(f, "a@example.org", "x", 1, NULL), STORE_DELIVERED);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM push"), 2);
}

// A store of an older version with all that it can hold: nothing of it changes, and what is new works.
static void test_from_version(int version) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *large = make_message(100000, 1);
    assert_int_equal(deliver(&f, "a@example.org", large, 100000, NULL), STORE_DELIVERED);
    append(&f, a, "INBOX", "small", STORE_FLAG_SEEN, "word");
    assert_int_equal(run_and_free(&f, &store_token_add_new(a, SLICE("token"))->op), STORE_OK);
    if (version > 1)
        assert_int_equal(run_and_free(&f, &store_secret_new("old")->op), STORE_OK);
    fixture_close(&f);
    free(large);
    drop_to_version(&f, version);
    fixture_sql(&f, version < 4 ? "INSERT INTO token(account_id, token) VALUES(1, 'a\"b'), (1, 'a\\b'), (1, 'other')"
                                : "INSERT INTO token(account_id, token, day) SELECT 1, 'other', day FROM token");
    assert_int_equal(fixture_number(&f, "SELECT sum(length(sql)) FROM sqlite_schema"), count_schema((size_t)version));
    int n;
    assert_string_equal(fixture_verify(&f, &n), "error: the database is of an older version; start the relay once");

    fixture_open(&f);
    assert_int_equal(fixture_number(&f, "PRAGMA user_version"), NOW);
    assert_int_equal(fixture_number(&f, "SELECT sum(length(sql)) FROM sqlite_schema"), count_schema(NOW));
    assert_string_equal(describe(&f, a, "INBOX"), "3/2/1/0/100005");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry WHERE hour = date / 3600 AND NOT shown"), 2);
    push_one(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM secret"), version > 1);
    assert_int_equal(run_and_free(&f, &store_secret_new("s")->op), STORE_OK);
    queue_one(&f);
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM push"), 0);
    fixture_done(&f);
}

static void test_from_version_1(void **state) {
    test_from_version(1);
}

static void test_from_version_2(void **state) {
    test_from_version(2);
}

static void test_from_version_3(void **state) {
    test_from_version(3);
}

static void test_from_version_4(void **state) {
    test_from_version(4);
}

// ---- killed ----

enum { ENTRIES = 20000, STEP = 1000 };

// When the process of a migration dies.
enum kill_when { KILL_NEVER, KILL_AFTER_STEPS, KILL_BEFORE_COMMIT, KILL_AFTER_COMMIT };

static int die(void *arg) {
    unsigned *left = arg;
    if (left == NULL || --*left == 0)
        (void)raise(SIGKILL);
    return 0;
}

static int die_after_commit(void *arg, sqlite3 *handle, const char *name, int pages) {
    return die(NULL);
}

// In a process of its own; a small cache has it write pages before the commit. The number of the signal that it died
// of, or 0 when it was done.
static int migrate_and_die(struct fixture *f, enum kill_when when, unsigned steps) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *error = NULL;
        struct db *db = db_open(f->dir, &error);
        if (db == NULL || db_exec(db, "PRAGMA synchronous = FULL; PRAGMA cache_size = 16") != STORE_OK)
            _exit(1);
        if (when == KILL_AFTER_STEPS)
            sqlite3_progress_handler(db->handle, STEP, die, &steps);
        if (when == KILL_BEFORE_COMMIT)
            (void)sqlite3_commit_hook(db->handle, die, NULL);
        if (when == KILL_AFTER_COMMIT)
            (void)sqlite3_wal_hook(db->handle, die_after_commit, NULL);
        _exit(!schema_migrate(db, schema_migrations, NOW, &error));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        assert_int_equal(status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void make_version_4_with_entries(struct fixture *f) {
    fixture_init(f);
    uint64_t a = make_account(f, "a@example.org", NULL);
    append(f, a, "INBOX", "small", STORE_FLAG_SEEN, "");
    fixture_close(f);
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO entry SELECT mailbox_id, n, body_id, key, flags, keywords, size, date, modseq, 0, 0"
                   " FROM entry, (WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c WHERE n < %d)"
                   " SELECT n FROM c);"
                   "UPDATE body SET refs = %d;"
                   "UPDATE mailbox SET uid_next = %d, messages = %d, octets = 5 * %d",
                   ENTRIES, ENTRIES, ENTRIES + 1, ENTRIES, ENTRIES);
    fixture_sql(f, sql);
    drop_to_version(f, 4);
}

// What is still of version 4 is so to the last index, and whole.
static void expect_version(struct fixture *f, int version) {
    assert_int_equal(fixture_number(f, "PRAGMA user_version"), version);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM pragma_table_info('entry') WHERE name = 'hour'"),
                     version == NOW);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'entry_hour'"),
                     version == NOW);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM entry"), ENTRIES);
    assert_int_equal(fixture_number(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void test_killed(void **state) {
    struct fixture f;
    make_version_4_with_entries(&f);
    unsigned kills = 0;
    for (unsigned steps = 1; migrate_and_die(&f, KILL_AFTER_STEPS, steps) == SIGKILL; steps *= 3, kills++)
        expect_version(&f, 4);
    print_message("# killed %u times\n", kills);
    assert_true(kills >= 5);
    expect_version(&f, NOW);
    fixture_open(&f);
    fixture_done(&f); // verifies

    make_version_4_with_entries(&f);
    assert_int_equal(migrate_and_die(&f, KILL_BEFORE_COMMIT, 0), SIGKILL);
    expect_version(&f, 4);
    assert_int_equal(migrate_and_die(&f, KILL_AFTER_COMMIT, 0), SIGKILL);
    expect_version(&f, NOW);
    fixture_open(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry WHERE hour = date / 3600 AND NOT shown"), ENTRIES);
    fixture_done(&f);
}

// Started by a clock that has not been set yet, as a machine without one of its own is: all keeps its age.
static void test_slow_clock(void **state) {
    struct fixture f;
    make_version_4_with_entries(&f);
    clock_set_fake(1000 * 1000000, 5 * 3600);
    fixture_open(&f);
    clock_use_real();
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry WHERE hour = date / 3600"), ENTRIES);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_version_1), cmocka_unit_test(test_from_version_2),
        cmocka_unit_test(test_from_version_3), cmocka_unit_test(test_from_version_4),
        cmocka_unit_test(test_killed),         cmocka_unit_test(test_slow_clock),
    };
    return cmocka_run_group_tests_name("store/migration", tests, NULL, NULL);
}
