// SPDX-License-Identifier: MIT
// The contract of every backend: device tokens, and the days for which they are valid.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/expiry_ops.h"
#include "store/store_internal.h"
#include "store/test_support.h"

enum { DAY_S = 86400, TODAY = 20000 };

// The monotonic clock goes on from where it was: the writer, which looks at it, notices nothing.
static void set_time(int64_t wall_s) {
    clock_set_fake(clock_mono_us(), wall_s);
}

static void set_day(int64_t day) {
    set_time(day * DAY_S + DAY_S / 2);
}

static enum store_status add(struct fixture *f, uint64_t account, const char *token) {
    return run_and_free(f, &store_token_add_new(account, slice_from_cstr(token))->op);
}

static void expect_tokens(struct fixture *f, uint64_t account, const char *want) {
    struct store_token_list *l = store_token_list_new(account);
    char got[1024] = "";
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n_tokens; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", l->ret_tokens[i]);
    store_op_free(&l->op);
    assert_string_equal(got, want);
}

static void test_tokens(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    static const char *const tokens[] = {"t2", "t1", "t2", "t3"};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        assert_int_equal(run_and_free(&f, &store_token_add_new(a, slice_from_cstr(tokens[i]))->op), STORE_OK);
    expect_tokens(&f, a, "t2 t1 t3 ");
    expect_tokens(&f, b, "");
    assert_int_equal(run_and_free(&f, &store_token_add_new(b, SLICE("t2"))->op), STORE_OK);
    for (int i = 10; i < 10 + STORE_TOKENS_MAX - 1; i++) {
        char token[16];
        (void)snprintf(token, sizeof(token), "n%d", i);
        assert_int_equal(run_and_free(&f, &store_token_add_new(a, slice_from_cstr(token))->op), STORE_OK);
    }
    expect_tokens(&f, a, "t3 n10 n11 n12 n13 n14 n15 n16 n17 n18 n19 n20 n21 n22 n23 n24 n25 n26 n27 n28 ");
    expect_tokens(&f, b, "t2 ");
    static char overlong[STORE_TOKEN_MAX + 2];
    memset(overlong, 't', sizeof(overlong) - 1);
    assert_int_equal(run_and_free(&f, &store_token_add_new(a, slice_from_cstr(overlong))->op), STORE_INVALID);
    assert_int_equal(run_and_free(&f, &store_token_add_new(a, SLICE(""))->op), STORE_INVALID);
    assert_int_equal(run_and_free(&f, &store_token_add_new(99, SLICE("t"))->op), STORE_NOT_FOUND);
    fixture_done(&f);
}

static void test_charset(void **state) {
    static char largest[STORE_TOKEN_MAX + 1];
    memset(largest, '~', sizeof(largest));
    static const struct {
        struct slice token;
        bool want;
    } rows[] = {
        {{"", 0}, false},
        {{"x", 1}, true},
        {{"openpgp:AbC+/09==", 17}, true},
        {{"a\"b", 3}, false},
        {{"a\\b", 3}, false},
        {{"a b", 3}, false},
        {{"a\tb", 3}, false},
        {{"a\x7f", 2}, false},
        {{"a\xc3\xa4", 3}, false},
        {{"a\0b", 3}, false},
        {{"!#$[]^_`{|}~", 12}, true},
        {{largest, STORE_TOKEN_MAX}, true},
        {{largest, STORE_TOKEN_MAX + 1}, false},
    };
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (store_token_is_valid(rows[i].token) != rows[i].want)
            fail_msg("row %zu: want %d", i, rows[i].want);
        assert_int_equal(run_and_free(&f, &store_token_add_new(a, rows[i].token)->op),
                         rows[i].want ? STORE_OK : STORE_INVALID);
    }
    fixture_done(&f);
}

static void test_days(void **state) {
    static const struct {
        int64_t now_s;
        const char *want;
    } rows[] = {
        {TODAY * (int64_t)DAY_S, "a "},
        {(TODAY + 1) * (int64_t)DAY_S - 1, "a "},
        {(TODAY + 89) * (int64_t)DAY_S, "a "},
        {(TODAY + 90) * (int64_t)DAY_S - 1, "a "},
        {(TODAY + 90) * (int64_t)DAY_S, ""},
        {(TODAY + 1000) * (int64_t)DAY_S, ""},
        // The clock was set back: a little over midnight, and more.
        {TODAY * (int64_t)DAY_S - 1, "a "},
        {TODAY * (int64_t)DAY_S - 60, "a "},
        {TODAY * (int64_t)DAY_S - 61, ""},
        {0, ""},
        {TODAY * (int64_t)DAY_S + 5, "a "},
    };
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    set_day(TODAY);
    assert_int_equal(add(&f, a, "a"), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT day FROM token"), TODAY);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_time(rows[i].now_s);
        expect_tokens(&f, a, rows[i].want);
    }
    // Setting it again renews it, also when it had expired and was still there.
    set_day(TODAY + 89);
    assert_int_equal(add(&f, a, "a"), STORE_OK);
    set_day(TODAY + 89 + 89);
    expect_tokens(&f, a, "a ");
    set_day(TODAY + 300);
    expect_tokens(&f, a, "");
    assert_int_equal(add(&f, a, "a"), STORE_OK);
    expect_tokens(&f, a, "a ");
    assert_int_equal(fixture_number(&f, "SELECT day FROM token"), TODAY + 300);
    clock_use_real();
    fixture_done(&f);
}

static int64_t data_version(sqlite3 *db) {
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return n;
}

// Clients set their token whenever they connect; a day's second time costs no write.
static void test_same_day_writes_nothing(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char path[128];
    sqlite3 *watcher = NULL;
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f.dir);
    assert_int_equal(sqlite3_open(path, &watcher), SQLITE_OK);
    static const struct {
        int64_t day;
        bool writes;
    } rows[] = {{TODAY, true}, {TODAY, false}, {TODAY, false}, {TODAY + 1, true}, {TODAY + 1, false}, {TODAY, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool wrote = true;
        set_day(rows[i].day);
        for (int again = 0; again < 3 && wrote; again++) { // the store may have tidied up meanwhile
            int64_t before = data_version(watcher);
            assert_int_equal(add(&f, a, "token"), STORE_OK);
            wrote = data_version(watcher) != before;
            if (rows[i].writes)
                break;
        }
        if (wrote != rows[i].writes)
            fail_msg("row %zu: want %s", i, rows[i].writes ? "a write" : "none");
    }
    clock_use_real();
    assert_int_equal(sqlite3_close(watcher), SQLITE_OK);
    fixture_done(&f);
}

// Of too many, the one goes that was set the longest ago, not the one that was set first.
static void test_oldest_makes_room(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char token[16], want[256] = "";
    for (int i = 0; i < STORE_TOKENS_MAX; i++) {
        set_day(TODAY + i / 10);
        (void)snprintf(token, sizeof(token), "t%d", i);
        assert_int_equal(add(&f, a, token), STORE_OK);
    }
    set_day(TODAY + 2);
    assert_int_equal(add(&f, a, "t0"), STORE_OK);
    assert_int_equal(add(&f, a, "new"), STORE_OK);
    for (int i = 0; i < STORE_TOKENS_MAX; i++)
        if (i != 1)
            (void)snprintf(want + strlen(want), sizeof(want) - strlen(want), "t%d ", i);
    (void)strncat(want, "new ", sizeof(want) - strlen(want) - 1);
    expect_tokens(&f, a, want);
    // Those that have expired go before any other.
    set_day(TODAY + 90);
    assert_int_equal(add(&f, a, "newer"), STORE_OK);
    expect_tokens(&f, a, "t0 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19 new newer ");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token"), 13);
    clock_use_real();
    fixture_done(&f);
}

// Tokens of days that are still to come, for the clock was wrong, are valid for nobody: what is set now is not the one
// that makes room for them.
static void test_future_makes_room(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char token[16];
    set_day(TODAY + 1000);
    for (int i = 0; i < STORE_TOKENS_MAX; i++) {
        (void)snprintf(token, sizeof(token), "t%d", i);
        assert_int_equal(add(&f, a, token), STORE_OK);
    }
    set_day(TODAY);
    assert_int_equal(add(&f, a, "now"), STORE_OK);
    assert_int_equal(add(&f, a, "too"), STORE_OK);
    expect_tokens(&f, a, "now too ");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token"), STORE_TOKENS_MAX);
    clock_use_real();
    fixture_done(&f);
}

// Nobody need come back for them: the store removes what has expired, and leaves what is still to come alone.
static void test_expired_are_removed(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    int64_t today = clock_wall_day();
    assert_int_equal(add(&f, a, "old"), STORE_OK);
    assert_int_equal(add(&f, a, "last"), STORE_OK);
    assert_int_equal(add(&f, b, "future"), STORE_OK);
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE token SET day = %lld WHERE token = 'old'; UPDATE token SET day = %lld WHERE token = 'last';"
                   "UPDATE token SET day = %lld WHERE token = 'future'",
                   (long long)today - 90, (long long)today - 89, (long long)today + 5);
    fixture_close(&f);
    fixture_sql(&f, sql);
    fixture_sql(&f, "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3009)"
                    " INSERT INTO account(id, address, password, inbox_id, last_login_day)"
                    " SELECT i, i || '@example.org', 'x', i, 1 FROM n;"
                    "INSERT INTO mailbox(id, account_id, name, uid_validity, subscribed)"
                    " SELECT id, id, 'INBOX', id, 1 FROM account WHERE id >= 10;"
                    "INSERT INTO token(account_id, token) SELECT id, 'x' FROM account WHERE id >= 10;"
                    "INSERT INTO push SELECT id, 1, 0, 1 FROM token WHERE token IN ('x', 'old')");
    fixture_open(&f);
    for (int i = 0; i < 3000 && fixture_number(&f, "SELECT count(*) FROM token") > 2; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token WHERE token IN ('last', 'future')"), 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token"), 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM push"), 0);
    expect_tokens(&f, a, "last ");
    expect_tokens(&f, b, "");
    fixture_done(&f);
}

// A clock far ahead, perhaps for a moment only, takes no device its notifications: days count as expiry counts them.
static void test_clock_ahead(void **state) {
    struct fixture f;
    fixture_init(&f);
    store_test_set_tidying(f.store, 10, 10);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    int64_t today = clock_wall_day();
    assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new(today * 24, 0)->op), STORE_OK);
    assert_int_equal(add(&f, a, "token"), STORE_OK);
    set_day(today + 200);
    make_account(&f, "b@example.org", NULL);
    (void)nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token"), 1);
    assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new((today + 200) * 24, 0)->op), STORE_OK);
    for (int i = 0; i < 3000 && fixture_number(&f, "SELECT count(*) FROM token") > 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM token"), 0);
    clock_use_real();
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_charset),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_same_day_writes_nothing),
        cmocka_unit_test(test_oldest_makes_room),
        cmocka_unit_test(test_future_makes_room),
        cmocka_unit_test(test_expired_are_removed),
        cmocka_unit_test(test_clock_ahead),
    };
    return cmocka_run_group_tests_name("store/token", tests, NULL, NULL);
}
