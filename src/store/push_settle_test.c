// SPDX-License-Identifier: MIT
// The contract of every backend: which pushes are loaded and when, and what settling leaves of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <time.h>

#include "base/mem.h"
#include "store/push_support.h"
#include "store/store_internal.h"

// ---- settling ----

static void settle_retry(struct world *w, const char *token, int64_t asked, int64_t covered, int64_t next,
                         uint32_t tries) {
    struct store_push_settle *s = store_push_settle_new();
    store_push_settle_retry(s, id_of(w, token), at(asked), at(covered), at(next), tries);
    assert_int_equal(run_and_free(&w->f, &s->op), STORE_OK);
}

static void settle_done(struct world *w, const char *token, int64_t asked, int64_t covered) {
    struct store_push_settle *s = store_push_settle_new();
    store_push_settle_done(s, id_of(w, token), at(asked), at(covered));
    assert_int_equal(run_and_free(&w->f, &s->op), STORE_OK);
}

// Bob's push was asked for at 0 and loaded; another delivery comes at `again` (-1: none), and then it is settled.
static void test_settle(void **state) {
    enum { NONE = -1 };
    static const struct {
        enum store_push_outcome outcome;
        int64_t again, covered;
        const char *want; // at 5000
        unsigned calls;   // by the settling
    } rows[] = {
        {STORE_PUSH_DONE, NONE, 1100, "", 0},
        {STORE_PUSH_DONE, NONE, -5000, "", 0}, // the clock was set back before the request
        {STORE_PUSH_DONE, 0, 1100, "", 0},
        {STORE_PUSH_DONE, 1100, 1100, "", 0},
        {STORE_PUSH_DONE, 1101, 1100, "b1@1101", 1},
        {STORE_PUSH_DONE, 4000, 1100, "b1@4000", 1},
        {STORE_PUSH_DONE, 4000, INT64_MAX / 2, "", 0},
        {STORE_PUSH_DONE, -3000, 1100, "b1@-3000", 1}, // and while it was under way
        {STORE_PUSH_RETRY, NONE, 1100, " next=9000", 0},
        {STORE_PUSH_RETRY, 1000, 1100, " next=9000", 0},
        {STORE_PUSH_RETRY, 1101, 1100, "b1@1101", 1},
        {STORE_PUSH_GONE, NONE, 1100, "", 0},
        {STORE_PUSH_GONE, 4000, 1100, "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        begin(&w);
        assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
        assert_string_equal(due(&w, 0), "b1@0");
        if (rows[i].again != NONE) {
            set_ms(rows[i].again);
            assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
        }
        (void)calls(&w);
        struct store_push_settle *s = store_push_settle_new();
        if (rows[i].outcome == STORE_PUSH_DONE)
            store_push_settle_done(s, id_of(&w, "b1"), at(0), at(rows[i].covered));
        else if (rows[i].outcome == STORE_PUSH_GONE)
            store_push_settle_gone(s, id_of(&w, "b1"));
        else
            store_push_settle_retry(s, id_of(&w, "b1"), at(0), at(rows[i].covered), at(9000), 1);
        assert_int_equal(run_and_free(&w.f, &s->op), STORE_OK);
        const char *got = due(&w, 5000);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: want \"%s\" got \"%s\"", i, rows[i].want, got);
        unsigned n = calls(&w);
        if (n != rows[i].calls)
            fail_msg("row %zu: want %u calls got %u", i, rows[i].calls, n);
        assert_int_equal(fixture_number(&w.f, "SELECT count(*) FROM token WHERE token = 'b1'"),
                         rows[i].outcome != STORE_PUSH_GONE);
        end(&w);
    }
}

static void test_retries(void **state) {
    struct world w;
    begin(&w);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    settle_retry(&w, "a1", 0, 1000, 8000, 1);
    settle_retry(&w, "a2", 0, 1000, 9000, 1);
    assert_string_equal(due(&w, 7999), " next=8000");
    assert_string_equal(due(&w, 8000), "a1@0/1 next=9000");
    settle_retry(&w, "a1", 0, 9000, 72000, 2);
    assert_string_equal(due(&w, 9000), "a2@0/1 next=72000");
    // A new delivery makes all of them due at once, as if they had never failed.
    set_ms(10000);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    assert_string_equal(due(&w, 10000), "a1@10000 a2@10000");
    // It waits across a restart, tries and all.
    settle_retry(&w, "a2", 10000, 11000, 74000, 2);
    reopen(&w);
    assert_string_equal(due(&w, 10000), "a1@10000 next=74000");
    assert_string_equal(due(&w, 74000), "a1@10000 a2@10000/2");
    end(&w);
}

static void test_batch(void **state) {
    struct world w;
    begin(&w);
    assert_int_equal(run_and_free(&w.f, &delivery(&w, NULL, "alice@example.org bob@example.org", 1)->op), STORE_OK);
    struct store_push_settle *s = store_push_settle_new();
    store_push_settle_retry(s, id_of(&w, "a1"), at(0), at(1000), at(8000), 1);
    store_push_settle_gone(s, id_of(&w, "a2"));
    store_push_settle_done(s, id_of(&w, "b1"), at(0), at(1000));
    store_push_settle_done(s, 999, at(0), at(1000)); // nobody knows these
    store_push_settle_gone(s, 999);
    store_push_settle_retry(s, 999, at(0), at(1000), at(8000), 1);
    store_push_settle_done(s, id_of(&w, "b1"), at(0), at(1000));
    assert_int_equal(run_and_free(&w.f, &s->op), STORE_OK);
    assert_string_equal(due(&w, 8000), "a1@0/1");
    assert_int_equal(fixture_number(&w.f, "SELECT count(*) FROM push"), 1);
    assert_int_equal(fixture_number(&w.f, "SELECT count(*) FROM token WHERE token = 'a2'"), 0);
    // All or nothing.
    s = store_push_settle_new();
    store_push_settle_gone(s, id_of(&w, "a1"));
    store_test_fail_next_commit(w.f.store, STORE_FULL);
    assert_int_equal(run_and_free(&w.f, &s->op), STORE_FULL);
    assert_string_equal(due(&w, 8000), "a1@0/1");
    end(&w);
}

// A push goes with its token, whatever takes it.
static void test_goes_with_its_token(void **state) {
    struct world w;
    begin(&w);
    assert_int_equal(run_and_free(&w.f, &delivery(&w, NULL, "alice@example.org bob@example.org", 1)->op), STORE_OK);
    char token[16];
    for (int i = 0; i < STORE_TOKENS_MAX - 1; i++) {
        (void)snprintf(token, sizeof(token), "n%d", i);
        add_token(&w, w.alice, token);
    }
    assert_string_equal(due(&w, 0), "a2@0 b1@0"); // a1 made room
    assert_int_equal(run_and_free(&w.f, &store_account_delete_new(w.alice)->op), STORE_OK);
    assert_string_equal(due(&w, 0), "b1@0");
    assert_int_equal(fixture_number(&w.f, "SELECT count(*) FROM token"), 1);
    end(&w);
}

// ---- loading ----

static void test_full_account(void **state) {
    struct world w;
    begin(&w);
    char token[16];
    for (int i = 0; i < STORE_TOKENS_MAX; i++) {
        (void)snprintf(token, sizeof(token), "n%d", i);
        add_token(&w, w.carol, token);
    }
    assert_int_equal(deliver_to(&w, "carol@example.org"), STORE_DELIVERED);
    struct store_push_load *l = load(&w, 0, 32, 8);
    assert_int_equal(l->ret_n, STORE_TOKENS_MAX);
    store_op_free(&l->op);
    assert_int_equal(calls(&w), 1);
    end(&w);
}

static void test_load_limits(void **state) {
    struct world w;
    begin(&w);
    add_token(&w, w.carol, "c1");
    add_token(&w, w.carol, "c2");
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    settle_retry(&w, "a1", 0, 1000, 100, 1);
    settle_retry(&w, "a2", 0, 1000, 50, 3);
    set_ms(5);
    assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
    set_ms(7);
    assert_int_equal(deliver_to(&w, "carol@example.org"), STORE_DELIVERED);
    static const struct {
        size_t max_first, max_retries;
        int64_t now;
        const char *want;
    } rows[] = {
        {100, 100, 100, "b1@5 c1@7 c2@7 a2@0/3 a1@0/1"},
        {100, 100, 99, "b1@5 c1@7 c2@7 a2@0/3 next=100"},
        {100, 100, 4, " next=5"},
        {2, 1, 100, "b1@5 c1@7 a2@0/3 more more-retries"},
        {3, 2, 100, "b1@5 c1@7 c2@7 a2@0/3 a1@0/1"},
        {0, 1, 60, "a2@0/3 more next=100"},
        {1, 0, 60, "b1@5 more more-retries next=100"},
        {0, 0, 6, " more next=7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = text_of(load(&w, rows[i].now, rows[i].max_first, rows[i].max_retries));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: want \"%s\" got \"%s\"", i, rows[i].want, got);
    }
    static const char *const skipped[] = {"c2", "a2", "b1"};
    struct store_push_load *l = store_push_load_new(at(100), 1, 1);
    for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
        store_push_load_skip(l, id_of(&w, skipped[i]));
    assert_int_equal(run_op(&w.f, &l->op), STORE_OK);
    assert_string_equal(text_of(l), "c1@7 a1@0/1");
    end(&w);
}

// As many as the tokens of a large relay, most of them retries: who waits does not make a load slower.
static void test_many(void **state) {
    enum { ROWS = 10000, LOADS = 100, IN_FLIGHT = 32, LIMIT_MS = 2000 };
    struct world w;
    begin(&w);
    fixture_close(&w.f);
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < %d + 99)"
                   " INSERT INTO token(id, account_id, token, day) SELECT i, %d + i / 20, 't' || i, 20000 FROM n;"
                   "INSERT INTO push SELECT id, %lld, id %% 10 > 0, %lld + id FROM token WHERE id >= 100;"
                   "INSERT INTO account(id, address, password, inbox_id, last_login_day)"
                   " SELECT account_id, account_id, 'x', account_id, 1 FROM token WHERE id >= 100 GROUP BY account_id;"
                   "INSERT INTO mailbox(id, account_id, name, uid_validity, subscribed)"
                   " SELECT id, id, 'INBOX', id, 1 FROM account WHERE id > 100",
                   ROWS, 1000, (long long)at(0), (long long)at(0));
    fixture_sql(&w.f, sql);
    reopen(&w);
    struct timespec from, to;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from), 0);
    uint64_t in_flight[IN_FLIGHT] = {0};
    for (int i = 0; i < LOADS; i++) {
        struct store_push_load *l = store_push_load_new(at(ROWS * 2), 24, 8);
        for (size_t j = 0; j < IN_FLIGHT && in_flight[j] != 0; j++)
            store_push_load_skip(l, in_flight[j]);
        assert_int_equal(run_op(&w.f, &l->op), STORE_OK);
        assert_int_equal(l->ret_n, IN_FLIGHT);
        assert_true(l->ret_more_first && l->ret_more_retries);
        for (size_t j = 0; j < l->ret_n; j++) {
            for (size_t k = 0; k < IN_FLIGHT; k++)
                assert_int_not_equal(l->ret_pushes[j].token_id, in_flight[k]);
            assert_int_equal(l->ret_pushes[j].tries, j >= 24);
        }
        if (in_flight[0] == 0)
            for (size_t j = 0; j < IN_FLIGHT; j++)
                in_flight[j] = l->ret_pushes[j].token_id;
        store_op_free(&l->op);
    }
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to), 0);
    int64_t ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    print_message("# %d loads of 32 among %d: %d ms of CPU\n", LOADS, ROWS, (int)ms);
    assert_true(ms < LIMIT_MS);
    struct store_push_total *t = store_push_total_new();
    assert_int_equal(run_op(&w.f, &t->op), STORE_OK);
    assert_int_equal(t->ret_pending, ROWS);
    assert_int_equal(t->ret_retries, ROWS * 9 / 10);
    assert_int_equal(t->ret_tokens, ROWS + 3);
    store_op_free(&t->op);
    end(&w);
}

// ---- time ----

// Rows that a wrong clock wrote are due at the next start; those that nobody sends are gone some time after it.
static void test_wrong_times(void **state) {
    enum { HOUR_MS = 3600 * 1000 };
    struct world w;
    begin(&w);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
    settle_retry(&w, "a1", 0, 1000, 5 * HOUR_MS, 4); // can be
    settle_retry(&w, "a2", 0, 1000, 7 * HOUR_MS, 1); // cannot
    reopen(&w);
    assert_string_equal(due(&w, 0), "a2@0 b1@0 next=18000000");
    settle_done(&w, "a2", 0, 1000);
    set_ms(-2 * HOUR_MS);
    reopen(&w);
    assert_string_equal(due(&w, -2 * HOUR_MS), "a1@-7200000 b1@-7200000");
    settle_retry(&w, "a1", -2 * HOUR_MS, 0, 3 * HOUR_MS, 1);
    // The store tidies up when it is idle.
    set_ms(6 * HOUR_MS);
    reopen(&w);
    for (int i = 0; i < 3000 && fixture_number(&w.f, "SELECT count(*) FROM push") > 1; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    assert_string_equal(due(&w, 6 * HOUR_MS), "a1@-7200000/1");
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle),       cmocka_unit_test(test_retries),
        cmocka_unit_test(test_batch),        cmocka_unit_test(test_goes_with_its_token),
        cmocka_unit_test(test_full_account), cmocka_unit_test(test_load_limits),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_wrong_times),
    };
    return cmocka_run_group_tests_name("store/push_settle", tests, NULL, NULL);
}
