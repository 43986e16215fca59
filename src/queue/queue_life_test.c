// SPDX-License-Identifier: MIT
// What happens to letters over time: retries, their end, the operator, stops and crashes, a store in trouble, a clock
// that jumps.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/queue_fixture.h"
#include "store/queue_operator_ops.h"
#include "store/store_internal.h"

static size_t count(const char *log, const char *what) {
    size_t n = 0;
    for (const char *at = log; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

// ---- retries ----

static void test_destination_backs_off(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    stage_send(&s, "x@b.test");
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "SMTP"), 1); // for both
    assert_int_equal(s.q->lanes.n, 0);
    // 300, 600, 1200, 2400, 4000, 4000 s, a quarter more or less.
    static const int64_t want[] = {300, 600, 1200, 2400, 4000, 4000};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        int64_t since = s.now;
        s.now += want[i] * 3 / 4 - 2;
        stage_wait(&s, 1);
        assert_int_equal(count(peers_log(&s.peers), "SMTP"), 0);
        s.now += want[i] / 2 + 1;
        stage_wait(&s, 2);
        assert_int_equal(count(peers_log(&s.peers), "SMTP"), 1);
        assert_in_range(s.now - since, want[i] * 3 / 4, want[i] * 5 / 4 + 3);
    }
    // It lives again: both go, and the failures are forgotten.
    peers_set(&s.peers, "", NULL, "mixed");
    s.now += 5001;
    stage_wait(&s, 2);
    assert_string_equal(peers_log(&s.peers),
                        "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;SMTP mx1.b.test y@b.test=250;");
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

// As `martlet queue retry` does: by the store, whose news wake the queue.
static void operator_retries(struct stage *s, struct slice destination) {
    struct store_queue_retry *r = store_queue_retry_new(destination, clock_wall_s());
    assert_int_equal(run_and_free(&s->store, &r->op), STORE_OK);
}

static void test_new_mail_does_not_wake_the_dead(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    (void)peers_log(&s.peers);
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "");
    assert_string_equal(stage_queue(&s),
                        "b.test 2/2 failed=1 421 Failed to connect to any mail server; last attempt to mx1.b.test: 450 "
                        "connection refused by 192.0.2.1;");
    // The operator does.
    peers_set(&s.peers, "", NULL, "mixed");
    operator_retries(&s, SLICE("b.test"));
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "=250"), 2);
    stage_close(&s);
}

static void test_wake_all(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    stage_send(&s, "x@b.test x@c.test");
    stage_settle(&s);
    peers_set(&s.peers, "", NULL, "450 4.2.0 no");
    operator_retries(&s, SLICE_EMPTY);
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "=450"), 2);
    operator_retries(&s, SLICE_EMPTY);
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "=450"), 2);
    stage_close(&s);
}

// ---- the end of patience ----

static void test_expiry_of_the_dead(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    for (int i = 0; i < 40; i++)
        stage_send(&s, "x@b.test");
    stage_send(&s, "x@c.test");
    stage_settle(&s);
    s.now += 24 * 3600;
    stage_wait(&s, 2);
    stage_send(&s, "young@b.test");
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    s.now += 24 * 3600 - 3;
    stage_wait(&s, 1);
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    s.now += 20 * 60;
    stage_wait(&s, 2);
    char text[16384];
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 41);
    assert_non_null(strstr(text,
                           "Status: 4.4.7\r\nDiagnostic-Code: smtp; 421 Failed to connect to any mail server; last "
                           "attempt to mx1."));
    assert_int_equal(count(stage_queue(&s), "b.test 1/1"), 1);
    assert_null(strstr(stage_queue(&s), "c.test"));
    stage_close(&s);
}

static void test_expiry_at_a_deferral(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "450 4.2.2 mailbox full");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    for (int i = 0; i < 60 && strlen(stage_queue(&s)) > 0; i++) {
        s.now += 3600;
        stage_wait(&s, 2);
    }
    char text[16384];
    assert_string_equal(stage_queue(&s), "");
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "Status: 4.2.2\r\nDiagnostic-Code: smtp; 450 4.2.2 mailbox full (forwarded from "
                                 "mx1.b.test)\r\n"));
    stage_close(&s);
}

static void test_give_up(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    uint64_t first = stage_send(&s, "x@b.test");
    for (int i = 0; i < 70; i++)
        stage_send(&s, "y@b.test");
    stage_send(&s, "z@c.test");
    stage_settle(&s);
    queue_give_up(s.q, SLICE_EMPTY, first);
    stage_settle(&s);
    char text[16384];
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 1);
    assert_non_null(strstr(text, "x@b.test"));
    assert_int_equal(count(stage_queue(&s), "b.test 70/70"), 1);
    queue_give_up(s.q, SLICE("b.test"), 0);
    stage_settle(&s);
    assert_int_equal(stage_inbox(&s, NULL, 0), 71);
    assert_null(strstr(stage_queue(&s), "b.test 7"));
    assert_non_null(strstr(stage_queue(&s), "c.test 1/1"));
    queue_give_up(s.q, SLICE("nothing.test"), 0);
    queue_give_up(s.q, SLICE_EMPTY, 12345);
    queue_give_up(s.q, SLICE_EMPTY, 0);
    stage_settle(&s);
    assert_non_null(strstr(stage_queue(&s), "c.test 1/1"));
    stage_close(&s);
}

// A letter under way is given up only when it is not taken.
static void test_give_up_what_is_under_way(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    uint64_t id = stage_send(&s, "x@b.test later@b.test");
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    queue_give_up(s.q, SLICE("b.test"), 0);
    stage_settle(&s);
    assert_int_equal(stage_inbox(&s, NULL, 0), 1); // of y
    peers_let_go(&s.peers);
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250,later@b.test=450;");
    char text[16384];
    assert_int_equal(stage_inbox(&s, text, sizeof(text)), 2);
    assert_non_null(strstr(text, "later@b.test"));
    assert_string_equal(stage_queue(&s), "");
    (void)id;
    stage_close(&s);
}

static void test_give_up_what_is_not_reached(void **state) {
    struct stage s;
    stage_open(&s);
    stage_send(&s, "x@silent.test");
    stage_settle(&s);
    assert_int_equal(s.q->letters.n, 1);
    peers_set(&s.peers, "", NULL, "hang");
    uint64_t id = stage_send(&s, "x@b.test");
    stage_settle(&s);
    queue_give_up(s.q, SLICE("b.test"), id);
    stage_settle(&s);
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    peers_break(&s.peers); // HTTPS was refused, so this is the end of the attempt
    stage_settle(&s);
    stage_wait(&s, 2);
    assert_int_equal(stage_inbox(&s, NULL, 0), 1);
    assert_null(strstr(stage_queue(&s), "b.test"));
    assert_non_null(strstr(stage_queue(&s), "silent.test 1/1"));
    stage_close(&s);
}

// ---- stops and crashes ----

// Each state in which a queue can be dropped.
static const struct {
    const char *recipient, *https, *smtp;
    bool settle; // it gets as far as it can; otherwise it is dropped after `turns` of the loop
} states[] = {
    {"x@silent.test", NULL, NULL, true}, {"x@b.test", "hang", NULL, true},
    {"x@b.test", NULL, "hang", true},    {"x@b.test", NULL, "hold", true},
    {"x@b.test", NULL, "refused", true}, {"x@b.test", NULL, "450 later", true},
    {"x@b.test", NULL, "mixed", false},  {"bad@b.test", NULL, "mixed", false},
    {"x@nx.test", NULL, NULL, false},    {"x@b.test ann@c.test bad@b.test", NULL, "mixed", false},
};

// Whatever the moment: nothing is lost, and what was settled is not sent again.
static void test_crash_in_each_state(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        for (int turns = 0; turns < (states[i].settle ? 1 : 25); turns++) {
            struct stage s;
            stage_open(&s);
            peers_set(&s.peers, "", states[i].https, states[i].smtp);
            stage_send(&s, states[i].recipient);
            if (states[i].settle)
                stage_settle(&s);
            for (int t = 0; t < turns; t++) {
                loop_run_ready(s.store.loop);
                struct timespec pause = {0, 50 * 1000 * (turns % 5)};
                (void)nanosleep(&pause, NULL);
            }
            stage_drop_queue(&s);
            (void)stage_queue(&s); // what was submitted is committed
            size_t sent = s.peers.n_sent;
            bool is_empty = strlen(stage_queue(&s)) == 0;
            stage_new_queue(&s, 0);
            peers_set(&s.peers, "", "refused", "mixed");
            stage_settle(&s);
            s.now += 6000; // deferrals end
            stage_wait(&s, 3);
            if (is_empty)
                assert_int_equal(s.peers.n_sent, sent);
            if (states[i].recipient[2] != 's') // silent.test
                assert_string_equal(stage_queue(&s), "");
            if (strstr(states[i].recipient, "bad") != NULL || strstr(states[i].recipient, "nx") != NULL)
                assert_int_equal(stage_inbox(&s, NULL, 0), 1);
            stage_close(&s);
        }
}

static void note_stopped(void *arg) {
    *(bool *)arg = true;
}

static void until_stopped(struct stage *s, const bool *stopped) {
    for (int i = 0; i < STEPS_MAX && !*stopped; i++) {
        loop_run_ready(s->store.loop);
        (void)nanosleep(&(struct timespec){0, 500000}, NULL);
    }
    assert_true(*stopped);
}

static void test_stop_in_each_state(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct stage s;
        bool stopped = false;
        stage_open(&s);
        peers_set(&s.peers, "", states[i].https, states[i].smtp);
        stage_send(&s, states[i].recipient);
        if (states[i].settle)
            stage_settle(&s);
        queue_stop(s.q, 2000, note_stopped, &stopped);
        assert_false(stopped);
        (void)stage_queue(&s);
        s.now += 3;
        clock_set_fake((uint64_t)(s.now - 1700000000) * 1000000 + 1000000000, s.now);
        queue_tick(s.q);
        until_stopped(&s, &stopped); // the store may still have its last word; this clock stands still
        assert_int_equal(s.q->lanes.n, 0);
        assert_int_equal(s.q->letters.n, 0);
        stage_send(&s, "late@d.test");
        assert_non_null(strstr(stage_queue(&s), "d.test 1/1"));
        stage_close(&s);
    }
}

static void test_stop_lets_the_last_letter_end(void **state) {
    struct stage s;
    bool stopped = false;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "x@b.test");
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    queue_stop(s.q, 2000, note_stopped, &stopped);
    loop_run_ready(s.store.loop);
    assert_false(stopped);
    peers_let_go(&s.peers);
    until_stopped(&s, &stopped);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;");
    assert_string_equal(load_text(&s.store, "b.test", INT64_MAX, 10), "y@b.test;");
    stage_close(&s);
}

// ---- trouble ----

static void test_store_fails_at_settling(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    store_test_fail_next_commit(s.store.store, STORE_FULL);
    peers_let_go(&s.peers);
    stage_settle(&s);
    // Not sent again, and nothing else is sent meanwhile.
    peers_set(&s.peers, "", NULL, "mixed");
    stage_send(&s, "y@b.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.b.test broken;SMTP mx1.b.test x@b.test=250;");
    stage_wait(&s, 2);
    assert_string_equal(peers_log(&s.peers), "SMTP mx1.b.test y@b.test=250;");
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

static void test_store_fails_at_a_bounce(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "bad@b.test");
    stage_settle(&s);
    store_test_fail_next_commit(s.store.store, STORE_FULL);
    peers_let_go(&s.peers);
    stage_settle(&s);
    assert_int_equal(s.q->settle.n, 1);
    stage_wait(&s, 2);
    assert_int_equal(s.q->settle.n, 0);
    assert_int_equal(stage_inbox(&s, NULL, 0), 1);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

// The commit was made, though it said otherwise: no second bounce.
static void test_settling_in_doubt(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "hold");
    stage_send(&s, "bad@b.test");
    stage_settle(&s);
    store_test_doubt_next_commit(s.store.store);
    peers_let_go(&s.peers);
    stage_settle(&s);
    stage_wait(&s, 2);
    assert_int_equal(s.q->settle.n, 0);
    assert_int_equal(stage_inbox(&s, NULL, 0), 1);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

static void test_store_fails_at_a_deferral(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", "hang", "refused");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    store_test_fail_next_commit(s.store.store, STORE_FAILED);
    peers_break(&s.peers);
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "SMTP"), 1);
    assert_int_equal(s.q->lanes.n, 1); // it would be tried again at once
    stage_wait(&s, 3);
    assert_string_equal(peers_log(&s.peers), "");
    assert_int_equal(s.q->lanes.n, 0);
    assert_int_equal(count(stage_queue(&s), "b.test 1/1 failed=1"), 1);
    stage_close(&s);
}

static void open_with_a_deferral(struct stage *s) {
    stage_open(s);
    peers_set(&s->peers, "", NULL, "450 4.2.0 later");
    stage_send(s, "x@b.test");
    stage_settle(s);
    (void)peers_log(&s->peers);
}

static void test_clock_put_back(void **state) {
    struct stage s;
    open_with_a_deferral(&s);
    // Only the wall clock goes.
    uint64_t mono = clock_mono_us();
    s.now -= 100000;
    clock_set_fake(mono + 1000000, s.now);
    queue_tick(s.q);
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "=450"), 1);
    stage_close(&s);
}

// What would have made it wait for a year does not, either, when the store does not take the change at first.
static void test_clock_put_back_in_trouble(void **state) {
    struct stage s;
    open_with_a_deferral(&s);
    uint64_t mono = clock_mono_us();
    s.now -= 365 * 86400;
    store_test_fail_next_commit(s.store.store, STORE_FULL);
    for (unsigned i = 0; i < 3; i++) {
        clock_set_fake(mono + 1000000 + i * UINT64_C(60000000), s.now + 60 * (int64_t)i);
        queue_tick(s.q);
        stage_settle(&s);
    }
    assert_int_equal(count(peers_log(&s.peers), "=450"), 1);
    stage_close(&s);
}

static void test_clock_put_forward(void **state) {
    struct stage s;
    stage_open(&s);
    peers_set(&s.peers, "", NULL, "refused");
    stage_send(&s, "x@b.test");
    stage_settle(&s);
    s.now += 1200;
    stage_wait(&s, 1);
    peers_set(&s.peers, "", NULL, "mixed");
    uint64_t mono = clock_mono_us();
    clock_set_fake(mono + 1000000, s.now + 100 * 86400);
    queue_tick(s.q);
    stage_settle(&s);
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    clock_set_fake(mono + 1500000, s.now + 100 * 86400);
    queue_tick(s.q);
    stage_settle(&s);
    assert_int_equal(count(peers_log(&s.peers), "=250"), 1);
    assert_int_equal(stage_inbox(&s, NULL, 0), 0);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_destination_backs_off),
        cmocka_unit_test(test_new_mail_does_not_wake_the_dead),
        cmocka_unit_test(test_wake_all),
        cmocka_unit_test(test_expiry_of_the_dead),
        cmocka_unit_test(test_expiry_at_a_deferral),
        cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_give_up_what_is_under_way),
        cmocka_unit_test(test_give_up_what_is_not_reached),
        cmocka_unit_test(test_crash_in_each_state),
        cmocka_unit_test(test_stop_in_each_state),
        cmocka_unit_test(test_stop_lets_the_last_letter_end),
        cmocka_unit_test(test_store_fails_at_settling),
        cmocka_unit_test(test_store_fails_at_a_bounce),
        cmocka_unit_test(test_settling_in_doubt),
        cmocka_unit_test(test_store_fails_at_a_deferral),
        cmocka_unit_test(test_clock_put_back),
        cmocka_unit_test(test_clock_put_back_in_trouble),
        cmocka_unit_test(test_clock_put_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
