// SPDX-License-Identifier: MIT
#include "store/overview_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/test_support.h"

enum { TODAY = 20000, LARGE = 100 * 1000, HUGE = 600 * 1024 };

// In pieces of so many rows.
static struct store_overview look_by(struct fixture *f, uint64_t max_rows) {
    struct store_overview *op = store_overview_new(TODAY);
    op->max_rows = max_rows;
    assert_int_equal(run_op(f, &op->op), STORE_OK);
    while (!op->ret_done) {
        struct store_overview *next = store_overview_next_new(op);
        store_op_free(&op->op);
        op = next;
        assert_int_equal(run_op(f, &op->op), STORE_OK);
    }
    struct store_overview o = *op;
    store_op_free(&op->op);
    return o;
}

static void expect_same(const struct store_overview *a, const struct store_overview *b) {
    assert_int_equal(a->ret_accounts, b->ret_accounts);
    assert_int_equal(a->ret_blocked, b->ret_blocked);
    assert_int_equal(a->ret_ci, b->ret_ci);
    assert_memory_equal(a->ret_active, b->ret_active, sizeof(a->ret_active));
    assert_int_equal(a->ret_fullest, b->ret_fullest);
    assert_int_equal(a->ret_messages, b->ret_messages);
    assert_int_equal(a->ret_octets, b->ret_octets);
    assert_int_equal(a->ret_files, b->ret_files);
    assert_int_equal(a->ret_files_octets, b->ret_files_octets);
    assert_memory_equal(a->ret_large, b->ret_large, sizeof(a->ret_large));
    assert_memory_equal(a->ret_large_octets, b->ret_large_octets, sizeof(a->ret_large_octets));
}

// However small the pieces are, each row is counted once.
static struct store_overview look(struct fixture *f) {
    struct store_overview o = look_by(f, STORE_OVERVIEW_PIECE);
    for (uint64_t rows = 1; rows <= 8; rows++) {
        struct store_overview again = look_by(f, rows);
        expect_same(&o, &again);
    }
    return o;
}

static void an_empty_store(void **state) {
    struct fixture f;
    fixture_init(&f);
    struct store_overview o = look(&f);
    assert_int_equal(o.ret_accounts + o.ret_blocked + o.ret_fullest + o.ret_active[6] + o.ret_messages + o.ret_octets +
                         o.ret_files,
                     0);
    fixture_done(&f);
}

static void accounts_by_their_last_login(void **state) {
    static const struct {
        const char *address;
        int64_t day;
    } accounts[] = {{"a@a.org", TODAY},      {"b@a.org", TODAY - 1},   {"c@a.org", TODAY - 9},
                    {"d@a.org", TODAY - 10}, {"e@a.org", TODAY - 149}, {"ci-f@a.org", TODAY - 150}};
    static const uint64_t want[STORE_ACTIVE_SPANS] = {1, 3, 4, 4, 4, 4, 5};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
        (void)make_account(&f, accounts[i].address, NULL);
    fixture_close(&f);
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql), "UPDATE account SET last_login_day = %lld WHERE address = '%s'",
                       (long long)accounts[i].day, accounts[i].address);
        fixture_sql(&f, sql);
    }
    fixture_sql(&f, "UPDATE account SET blocked = 1 WHERE address < 'c'");
    fixture_open(&f);
    struct store_overview o = look(&f);
    assert_int_equal(o.ret_accounts, ARRAY_LEN(accounts));
    assert_int_equal(o.ret_blocked, 2);
    assert_int_equal(o.ret_ci, 1);
    for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
        assert_int_equal(o.ret_active[i], want[i]);
    fixture_done(&f);
}

static void messages_and_files(void **state) {
    struct fixture f;
    fixture_init(&f);
    (void)make_account(&f, "a@a.org", NULL);
    (void)make_account(&f, "b@a.org", NULL);
    char *small = make_message(1000, 1), *large = make_message(LARGE, 2), *huge = make_message(HUGE, 3);
    assert_int_equal(deliver(&f, "a@a.org", huge, HUGE, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "a@a.org", small, 1000, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "b@a.org", small, 1000, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "b@a.org", large, LARGE, NULL), STORE_DELIVERED);
    // A mailbox beside its INBOX counts for the same account.
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, 1, "more", ""), STORE_OK);
    static const char header[] = "From: a@a.org\r\n\r\n";
    assert_int_equal(append(&f, 1, "more", header, 0, ""), 1);
    enum { HEADER = sizeof(header) - 1 };
    struct store_overview o = look(&f);
    assert_int_equal(o.ret_messages, 5);
    assert_int_equal(o.ret_octets, 2 * 1000 + LARGE + HUGE + HEADER);
    assert_int_equal(o.ret_fullest, 1000 + HUGE + HEADER);
    assert_int_equal(o.ret_files, 2);
    assert_int_equal(o.ret_files_octets, LARGE + HUGE);
    static const uint64_t want[STORE_LARGE_SIZES] = {1, 1, 0, 0, 0, 0};
    for (size_t i = 0; i < STORE_LARGE_SIZES; i++) {
        assert_int_equal(o.ret_large[i], want[i]);
        assert_int_equal(o.ret_large_octets[i], want[i] * HUGE);
    }
    free(small);
    free(large);
    free(huge);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store),
        cmocka_unit_test(accounts_by_their_last_login),
        cmocka_unit_test(messages_and_files),
    };
    return cmocka_run_group_tests_name("store/overview", tests, NULL, NULL);
}
