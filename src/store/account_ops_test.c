// SPDX-License-Identifier: MIT
// The contract of every backend: accounts and quota.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/test_support.h"

static void test_create_and_find(void **state) {
    struct fixture f;
    fixture_init(&f);
    struct store_account_find *missing = store_account_find_new(SLICE("a@example.org"));
    assert_int_equal(run_and_free(&f, &missing->op), STORE_NOT_FOUND);
    struct store_account_create *c = store_account_create_new(SLICE("a@example.org"), SLICE("hash1"));
    assert_int_equal(run_op(&f, &c->op), STORE_OK);
    assert_true(c->ret_created);
    assert_string_equal(c->ret_password_hash, "hash1");
    assert_int_equal(c->ret_last_login_day, clock_wall_day());

    // The first writer wins.
    struct store_account_create *again = store_account_create_new(SLICE("a@example.org"), SLICE("hash2"));
    assert_int_equal(run_op(&f, &again->op), STORE_OK);
    assert_false(again->ret_created);
    assert_string_equal(again->ret_password_hash, "hash1");
    assert_int_equal(again->ret_account_id, c->ret_account_id);
    assert_int_equal(again->ret_inbox_id, c->ret_inbox_id);
    assert_int_equal(again->ret_last_login_day, c->ret_last_login_day);

    fixture_sql(&f, "UPDATE account SET blocked = 1");
    struct store_account_find *found = store_account_find_new(SLICE("a@example.org"));
    assert_int_equal(run_op(&f, &found->op), STORE_OK);
    assert_int_equal(found->ret_account_id, c->ret_account_id);
    assert_int_equal(found->ret_inbox_id, c->ret_inbox_id);
    assert_string_equal(found->ret_password_hash, "hash1");
    assert_true(found->ret_blocked);
    store_op_free(&found->op);
    store_op_free(&again->op);
    store_op_free(&c->op);
    fixture_done(&f);
}

static void test_impossible_addresses(void **state) {
    static char overlong[STORE_ADDRESS_MAX + 2];
    memset(overlong, 'a', sizeof(overlong) - 1);
    const struct slice cases[] = {SLICE(""), SLICE("a\0b"), slice_from_cstr(overlong)};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(run_and_free(&f, &store_account_create_new(cases[i], SLICE("x"))->op), STORE_INVALID);
        assert_int_equal(run_and_free(&f, &store_account_find_new(cases[i])->op), STORE_NOT_FOUND);
    }
    overlong[STORE_ADDRESS_MAX] = '\0';
    make_account(&f, overlong, NULL);
    assert_int_equal(run_and_free(&f, &store_account_find_new(slice_from_cstr(overlong))->op), STORE_OK);
    fixture_done(&f);
}

static void test_touch(void **state) {
    static const struct {
        int64_t day, want;
    } cases[] = {{30000, 30000}, {30000, 30000}, {29999, 30000}, {30001, 30001}};
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(run_and_free(&f, &store_account_touch_new(a, cases[i].day)->op), STORE_OK);
        assert_int_equal(fixture_number(&f, "SELECT last_login_day FROM account"), cases[i].want);
    }
    assert_int_equal(run_and_free(&f, &store_account_touch_new(99, 30002)->op), STORE_NOT_FOUND);
    fixture_done(&f);
}

static void test_quota(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    append(&f, a, "INBOX", "four", 0, "");
    append(&f, a, "Box", "seven..", 0, "");
    struct store_quota *q = store_quota_new(a);
    assert_int_equal(run_op(&f, &q->op), STORE_OK);
    assert_int_equal(q->ret_used, 11);
    assert_int_equal(q->ret_limit, 10 << 20);
    store_op_free(&q->op);
    assert_int_equal(run_and_free(&f, &store_quota_new(99)->op), STORE_NOT_FOUND);
    fixture_done(&f);
}

// "1:a@example.org/0/11o/2m ": number, address, blocked, octets, messages.
static const char *list_page(struct fixture *f, uint64_t after, size_t *ret_n) {
    static char text[256];
    struct store_account_list *l = store_account_list_new(after);
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    text[0] = '\0';
    for (size_t i = 0; i < l->ret_n_rows && i < 3; i++) {
        const struct store_account_row *row = &l->ret_rows[i];
        assert_int_equal(row->last_login_day, clock_wall_day());
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llu:%s/%d/%lluo/%llum ",
                       (unsigned long long)row->account_id, row->address, row->blocked, (unsigned long long)row->octets,
                       (unsigned long long)row->messages);
    }
    *ret_n = l->ret_n_rows;
    store_op_free(&l->op);
    return text;
}

static void test_list(void **state) {
    struct fixture f;
    fixture_init(&f);
    size_t n;
    assert_string_equal(list_page(&f, 0, &n), "");
    uint64_t a = make_account(&f, "a@example.org", NULL);
    make_account(&f, "b@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    append(&f, a, "INBOX", "four", 0, "");
    append(&f, a, "Box", "seven..", 0, "");
    assert_int_equal(run_and_free(&f, &store_account_block_new(2, true)->op), STORE_OK);
    assert_string_equal(list_page(&f, 0, &n), "1:a@example.org/0/11o/2m 2:b@example.org/1/0o/0m ");
    assert_string_equal(list_page(&f, 1, &n), "2:b@example.org/1/0o/0m ");
    assert_string_equal(list_page(&f, 2, &n), "");
    struct store_account_show *show = store_account_show_new(SLICE("a@example.org"));
    assert_int_equal(run_op(&f, &show->op), STORE_OK);
    assert_string_equal(show->ret_row.address, "a@example.org");
    assert_int_equal(show->ret_row.account_id, a);
    assert_int_equal(show->ret_row.octets, 11);
    assert_int_equal(show->ret_row.messages, 2);
    assert_false(show->ret_row.blocked);
    store_op_free(&show->op);
    assert_int_equal(run_and_free(&f, &store_account_show_new(SLICE("c@example.org"))->op), STORE_NOT_FOUND);
    for (int i = 3; i <= STORE_ACCOUNTS_PAGE + 1; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "u%d@example.org", i);
        make_account(&f, address, NULL);
    }
    (void)list_page(&f, 0, &n);
    assert_int_equal(n, STORE_ACCOUNTS_PAGE);
    assert_string_equal(list_page(&f, STORE_ACCOUNTS_PAGE, &n), "501:u501@example.org/0/0o/0m ");
    assert_int_equal(n, 1);
    fixture_done(&f);
}

static enum store_status submit_as(struct fixture *f, uint64_t sender, const char *to) {
    static uint8_t dedup[32] = {100};
    dedup[1]++;
    struct store_deliver *d = store_deliver_new(make_body(f, "hello", 5), dedup);
    d->sender_id = sender;
    store_deliver_add(d, slice_from_cstr(to));
    return run_and_free(f, &d->op);
}

// A blocked account neither receives nor sends, whatever its sessions remember; it can log in and read.
static void test_block(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    assert_int_equal(submit_as(&f, a, "b@example.org"), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_account_block_new(a, true)->op), STORE_OK);
    assert_int_equal(submit_as(&f, a, "b@example.org"), STORE_NOT_FOUND);
    assert_int_equal(submit_as(&f, 99, "b@example.org"), STORE_NOT_FOUND);
    assert_string_equal(describe(&f, b, "INBOX"), "2/1/1/0/5");
    assert_int_equal(deliver(&f, "a@example.org", "x", 1, NULL), STORE_UNKNOWN);
    append(&f, a, "INBOX", "own", 0, "");
    assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/3");
    assert_int_equal(run_and_free(&f, &store_account_block_new(a, false)->op), STORE_OK);
    assert_int_equal(submit_as(&f, a, "a@example.org"), STORE_OK);
    assert_string_equal(describe(&f, a, "INBOX"), "3/2/2/0/8");
    assert_int_equal(run_and_free(&f, &store_account_block_new(99, true)->op), STORE_NOT_FOUND);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_find),
        cmocka_unit_test(test_impossible_addresses),
        cmocka_unit_test(test_touch),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_block),
    };
    return cmocka_run_group_tests_name("store/account", tests, NULL, NULL);
}
