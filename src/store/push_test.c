// SPDX-License-Identifier: MIT
// The contract of every backend: which delivery asks for which push.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/push_support.h"
#include "store/queue_support.h"
#include "store/store_internal.h"

static void test_each_recipient(void **state) {
    static const struct {
        const char *own, *others, *want;
        unsigned calls;
    } rows[] = {
        {NULL, "alice@example.org", "a1@0 a2@0", 1},
        {NULL, "carol@example.org", "", 0},
        {NULL, "alice@example.org bob@example.org carol@example.org", "a1@0 a2@0 b1@0", 1},
        {"alice@example.org", "", "", 0},
        {"alice@example.org", "bob@example.org", "b1@0", 1},
        {"carol@example.org", "alice@example.org", "a1@0 a2@0", 1},
        {NULL, "nobody@example.org bob@example.org", "b1@0", 1},
        {NULL, "nobody@example.org", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        begin(&w);
        for (int again = 0; again < 2; again++) { // accepted again, it asks for nothing
            struct store_deliver *d = delivery(&w, rows[i].own, rows[i].others, (uint8_t)i);
            assert_int_equal(run_and_free(&w.f, &d->op), STORE_OK);
            unsigned n = calls(&w), want = again == 0 ? rows[i].calls : 0;
            if (n != want)
                fail_msg("row %zu: want %u calls got %u", i, want, n);
            assert_string_equal(due(&w, 0), rows[i].want);
            set_ms(10);
        }
        end(&w);
    }
}

// A mailbox that takes nothing has no news, and neither has what a client itself does, nor a store that is told so.
static void test_no_news(void **state) {
    struct world w;
    begin(&w);
    assert_int_equal(run_and_free(&w.f, &store_account_block_new(w.alice, true)->op), STORE_OK);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_UNKNOWN);
    assert_int_equal(run_and_free(&w.f, &store_account_block_new(w.alice, false)->op), STORE_OK);
    store_set_mailbox_quota(w.f.store, 1);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_OVERQUOTA);
    store_set_mailbox_quota(w.f.store, 1 << 20);
    append(&w.f, w.alice, "INBOX", "draft", 0, "");
    assert_int_equal(edit(&w.f, STORE_MAILBOX_CREATE, w.alice, "Box", ""), STORE_OK);
    struct store_uid_range all = {1, UINT32_MAX};
    struct store_copy *copy = store_copy_new(w.alice, mailbox_id(&w.f, w.alice, "INBOX"), &all, 1, SLICE("Box"), false);
    assert_int_equal(run_and_free(&w.f, &copy->op), STORE_OK);
    send_letter(&w.f, w.alice, "x@one.net");
    store_set_push_enabled(w.f.store, false);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    assert_int_equal(calls(&w), 0);
    assert_string_equal(due(&w, 1000), "");
    store_set_push_enabled(w.f.store, true);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    assert_string_equal(due(&w, 1000), "a1@0 a2@0");
    end(&w);
}

// Off is how a store is opened, and what waits then goes on waiting.
static void test_off_at_first(void **state) {
    struct world w;
    begin(&w);
    assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
    fixture_close(&w.f);
    fixture_open(&w.f);
    assert_int_equal(deliver_to(&w, "alice@example.org"), STORE_DELIVERED);
    assert_string_equal(due(&w, 0), "b1@0");
    end(&w);
}

static void test_valid_tokens_alone(void **state) {
    static const struct {
        int64_t day;
        const char *want;
    } rows[] = {{0, "b1@"}, {89, "b1@"}, {90, ""}, {-1, ""}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        begin(&w);
        set_ms(rows[i].day * DAY_S * 1000);
        assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
        assert_int_equal(calls(&w), rows[i].want[0] != '\0');
        assert_memory_equal(due(&w, rows[i].day * DAY_S * 1000), rows[i].want, strlen(rows[i].want));
        end(&w);
    }
    // A little over midnight the clock is believed.
    struct world w;
    begin(&w);
    set_ms(-101 * 1000);
    assert_int_equal(deliver_to(&w, "bob@example.org"), STORE_DELIVERED);
    assert_string_equal(due(&w, 0), "b1@-101000");
    end(&w);
}

static void test_bounce_is_news(void **state) {
    struct world w;
    begin(&w);
    uint64_t letter = send_letter(&w.f, w.alice, "x@one.net");
    assert_int_equal(calls(&w), 0);
    struct store_queue_settle *s = store_queue_settle_new();
    uint8_t dedup[32] = {9};
    struct store_deliver *bounce = store_deliver_new(make_body(&w.f, "it failed", 9), dedup);
    store_deliver_add_account(bounce, w.alice);
    store_queue_settle_bounce(s, store_queue_settle_add(s, letter), bounce);
    assert_int_equal(run_and_free(&w.f, &s->op), STORE_OK);
    assert_int_equal(calls(&w), 1);
    assert_string_equal(due(&w, 0), "a1@0 a2@0");
    end(&w);
}

// What is undone has asked for nothing, alone or among others.
static void test_undone(void **state) {
    struct world w;
    begin(&w);
    for (int among = 0; among < 2; among++) {
        uint64_t letter = send_letter(&w.f, w.alice, "x@one.net"), other = send_letter(&w.f, w.alice, "y@one.net");
        struct store_queue_settle *s = store_queue_settle_new();
        uint8_t dedup[32] = {10};
        struct store_deliver *bounce = store_deliver_new(make_body(&w.f, "it failed", 9), dedup);
        store_deliver_add_account(bounce, w.alice);
        store_queue_settle_bounce(s, store_queue_settle_add(s, letter), bounce);
        size_t bad = store_queue_settle_add(s, other); // more are left than there were: the whole is refused
        store_queue_settle_keep(s, bad, SLICE("y@one.net"), 5, SLICE("450"));
        store_queue_settle_keep(s, bad, SLICE("z@one.net"), 5, SLICE("450"));
        if (among == 1)
            for (int i = 0; i < 20; i++) // some of these come into one group with it
                store_op_submit(w.f.store, NULL, &store_account_touch_new(w.alice, 30000 + i)->op, NULL, NULL);
        assert_int_equal(run_and_free(&w.f, &s->op), STORE_INVALID);
        assert_int_equal(calls(&w), 0);
        assert_string_equal(due(&w, 0), "");
    }
    store_test_fail_next_commit(w.f.store, STORE_FULL);
    assert_int_equal(run_and_free(&w.f, &delivery(&w, NULL, "alice@example.org", 1)->op), STORE_FULL);
    assert_int_equal(calls(&w), 0);
    assert_string_equal(due(&w, 0), "");
    end(&w);
}

static void count_done(struct store_op *op) {
    unsigned *n = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    (*n)++;
}

static void test_one_call_for_a_group(void **state) {
    enum { MESSAGES = 200 };
    struct world w;
    begin(&w);
    struct store_op *ops[MESSAGES];
    unsigned n = 0;
    for (size_t i = 0; i < MESSAGES; i++)
        ops[i] = &delivery(&w, NULL, "alice@example.org bob@example.org", (uint8_t)i)->op;
    uint64_t before = store_test_commits(w.f.store);
    for (size_t i = 0; i < MESSAGES; i++)
        store_op_submit(w.f.store, w.f.loop, ops[i], count_done, &n);
    while (n < MESSAGES)
        loop_run_ready(w.f.loop);
    uint64_t commits = store_test_commits(w.f.store) - before;
    print_message("# %d deliveries in %llu commits\n", MESSAGES, (unsigned long long)commits);
    assert_int_equal(calls(&w), commits);
    assert_string_equal(due(&w, 0), "a1@0 a2@0 b1@0");
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_recipient),       cmocka_unit_test(test_no_news),
        cmocka_unit_test(test_off_at_first),         cmocka_unit_test(test_valid_tokens_alone),
        cmocka_unit_test(test_bounce_is_news),       cmocka_unit_test(test_undone),
        cmocka_unit_test(test_one_call_for_a_group),
    };
    return cmocka_run_group_tests_name("store/push", tests, NULL, NULL);
}
