// SPDX-License-Identifier: MIT
// The push service over time: killed, stopped, reconfigured, on a store that fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "push/push_fixture.h"

#define GATEWAY "https://push.test/notify"

static struct stage s;

static int set_up(void **state) {
    stage_open(&s, GATEWAY);
    return 0;
}

static int tear_down(void **state) {
    stage_close(&s);
    return 0;
}

#define assert_pending(want) assert_string_equal(stage_pending(&s), want)
#define assert_under_way(want) assert_string_equal(stage_under_way(), want)

// ---- ends ----

// What is under way, known or waiting when the process dies is asked for by the next one.
static void a_crash_while_it_waits_for_the_address(void **state) {
    stage_use_zone(&s, "push.test A !never\n");
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    assert_int_equal(push_count(s.push, FLIGHT_READY), 1);
    stage_crash(&s);
    assert_int_equal(push_count(s.push, FLIGHT_READY), 1);
    stage_expect_one(&s, "bob", 0, 0, 0);
}

static void a_crash_while_it_is_in_flight(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    assert_under_way("bob");
    stage_crash(&s);
    assert_under_way("bob");
    stage_answer_all(&s, 200);
    assert_pending("");
}

static void a_crash_between_answer_and_commit(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    s.push->settle_at = clock_mono_ms() + 1000;
    stage_answer_all(&s, 200);
    assert_int_equal(push_count(s.push, FLIGHT_DONE), 1);
    stage_crash(&s);
    assert_under_way("bob"); // a second time
    stage_answer_all(&s, 200);
    assert_pending("");
}

static void a_crash_while_it_waits_for_its_next_try(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    stage_answer_all(&s, 500);
    stage_wait(&s, 1000);
    stage_crash(&s);
    assert_under_way("");
    stage_expect_one(&s, "bob", 1, 7000, 8000);
    stage_wait(&s, 8000);
    assert_under_way("bob");
    stage_answer_all(&s, 500);
    stage_expect_one(&s, "bob", 2, 64000, 72000);
}

static void a_store_that_fails_is_tried_again(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    log_set_level(LOG_LEVEL_ERROR + 1);
    stage_sql(&s, "CREATE TRIGGER broken BEFORE DELETE ON push BEGIN SELECT RAISE(ABORT, 'as the test wants'); END");
    stage_answer_all(&s, 200);
    stage_expect_one(&s, "bob", 0, 0, 0);
    stage_wait(&s, 3 * PUSH_STORE_RETRY_MS);
    assert_int_equal(push_count(s.push, FLIGHT_DONE), 1);
    stage_sql(&s, "DROP TRIGGER broken");
    stage_wait(&s, PUSH_STORE_RETRY_MS);
    assert_pending("");
    assert_int_equal(push_count(s.push, FLIGHT_FREE), PUSH_FLIGHTS_MAX);
    assert_int_equal(fake_gateway.n_begun, 1); // not asked for again meanwhile
}

static void on_stopped(void *arg) {
    ++*(int *)arg;
}

static void stopping_waits_for_what_is_under_way(void **state) {
    int stopped = 0;
    stage_make_accounts(&s, "t", 3);
    stage_prove(&s);
    stage_deliver_to(&s, "t", 2);
    push_stop(s.push, 5000, on_stopped, &stopped);
    stage_settle(&s);
    stage_deliver(&s, "t002"); // not begun any more
    assert_under_way("t000 t001");
    stage_answer(&s, "t000", 200);
    assert_int_equal(stopped, 0);
    stage_wait(&s, 4999);
    assert_int_equal(stopped, 0);
    stage_wait(&s, 1);
    assert_int_equal(stopped, 1);
    assert_int_equal(fake_gateway.n_cancelled, 1);
    assert_pending("t001 0 0; t002 0 0; ");
    stage_crash(&s);
    while (fake_gateway.n_calls > 0)
        stage_answer_all(&s, 200);
    assert_pending("");
}

static void stopping_at_rest(void **state) {
    int stopped = 0;
    push_stop(s.push, 5000, on_stopped, &stopped);
    assert_int_equal(stopped, 0);
    stage_settle(&s);
    assert_int_equal(stopped, 1);
}

// ---- configuration ----

static void another_gateway(void **state) {
    (void)stage_account(&s, "bob");
    stage_prove(&s);
    stage_use_zone(&s, "other.test A 192.0.2.2\n");
    stage_configure(&s, "https://other.test:8443/n");
    stage_deliver(&s, "bob");
    assert_string_equal(fake_gateway.calls[0]->url, "https://other.test:8443/n");
    assert_int_equal(fake_gateway.calls[0]->s.n_addresses, 1);
    stage_configure(&s, GATEWAY); // while it is asked; the answer counts
    stage_answer_all(&s, 200);
    assert_pending("");
}

static void off_and_on(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    stage_answer_all(&s, 500);
    stage_configure(&s, "");
    stage_wait(&s, 20000);
    assert_under_way("");
    (void)stage_account(&s, "eve");
    stage_deliver(&s, "eve");
    stage_expect_one(&s, "bob", 1, 0, 0); // and nothing of eve
    stage_configure(&s, GATEWAY);
    assert_under_way("bob"); // from before
    stage_answer_all(&s, 200);
    assert_pending("");
}

// What is being read from the store when pushes are switched off stays there.
static void off_while_rows_are_read(void **state) {
    (void)stage_account(&s, "bob");
    stage_use_zone(&s, "push.test A !never\n");
    s.push->load_at = UINT64_MAX;
    stage_deliver(&s, "bob");
    s.push->load_at = 0;
    stage_reload(&s, "");
    push_tick(s.push);
    assert_non_null(s.push->load); // it ends behind the reload
    stage_settle(&s);
    assert_int_equal(push_count(s.push, FLIGHT_FREE), PUSH_FLIGHTS_MAX);
    stage_wait(&s, 20000);
    assert_int_equal(fake_gateway.n_begun, 0);
    stage_expect_one(&s, "bob", 0, 0, 0);
    stage_use_zone(&s, "push.test A 192.0.2.1\n");
    stage_configure(&s, GATEWAY);
    assert_under_way("bob");
    stage_answer_all(&s, 200);
    assert_pending("");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_crash_while_it_waits_for_the_address),
        TEST(a_crash_while_it_is_in_flight),
        TEST(a_crash_between_answer_and_commit),
        TEST(a_crash_while_it_waits_for_its_next_try),
        TEST(a_store_that_fails_is_tried_again),
        TEST(stopping_waits_for_what_is_under_way),
        TEST(stopping_at_rest),
        TEST(another_gateway),
        TEST(off_and_on),
        TEST(off_while_rows_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
