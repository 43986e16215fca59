// SPDX-License-Identifier: MIT
// The push service over a real store, with a gateway that a test answers for and clocks that it moves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/metrics.h"
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

// ---- one token ----

static void one_delivery_is_one_request(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    assert_under_way("bob");
    const struct http_call_settings *how = &fake_gateway.calls[0]->s;
    assert_string_equal(fake_gateway.calls[0]->url, GATEWAY);
    assert_int_equal(how->check, TLS_CHECK_PKIX);
    assert_int_equal(how->version, HTTP_VERSION_2);
    assert_false(how->allow_clear);
    assert_int_equal(how->timeout_ms, 60000);
    assert_null(how->headers);
    assert_int_equal(how->n_addresses, 2);
    int64_t before = metrics_read_sum("martlet_push_answers");
    stage_answer_all(&s, 200);
    assert_pending("");
    assert_int_equal(metrics_read_sum("martlet_push_answers"), before + 1);
    assert_int_equal(metrics_read("martlet_push_in_flight"), 0);
    stage_wait(&s, 3600 * 1000);
    assert_int_equal(fake_gateway.n_begun, 1);
}

static void every_token_of_an_account(void **state) {
    uint64_t bob = stage_account(&s, "bob");
    stage_add_token(&s, bob, "openpgp:second");
    stage_add_token(&s, bob, "third");
    stage_prove(&s);
    stage_deliver(&s, "bob");
    assert_under_way("bob openpgp:second third");
    stage_answer_all(&s, 200);
    assert_pending("");
}

static void a_dead_token_is_forgotten(void **state) {
    uint64_t bob = stage_account(&s, "bob");
    stage_add_token(&s, bob, "dead");
    stage_prove(&s);
    stage_deliver(&s, "bob");
    stage_answer(&s, "dead", 410);
    stage_answer(&s, "bob", 200);
    assert_pending("");
    struct store_token_list *l = store_token_list_new(bob);
    assert_int_equal(run_op(&s.store, &l->op), STORE_OK);
    assert_int_equal(l->ret_n_tokens, 1);
    assert_string_equal(l->ret_tokens[0], "bob");
    store_op_free(&l->op);
    stage_wait(&s, 2000);
    stage_deliver(&s, "bob");
    assert_under_way("bob");
    stage_answer_all(&s, 200);
}

static void the_table_of_tries(void **state) {
    static const long long delays_s[] = {8, 64, 512, 4096};
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    for (unsigned i = 0; i < ARRAY_LEN(delays_s); i++) {
        assert_under_way("bob");
        stage_answer_all(&s, 500);
        long long ms = delays_s[i] * 1000;
        stage_expect_one(&s, "bob", i + 1, ms, ms + ms / 8);
        stage_wait(&s, (uint64_t)ms - 1);
        assert_under_way("");
        stage_wait(&s, (uint64_t)ms / 8 + 1);
    }
    assert_under_way("bob");
    int64_t before = metrics_read("martlet_push_given_up");
    stage_answer_all(&s, 500);
    assert_pending("");
    assert_int_equal(metrics_read("martlet_push_given_up"), before + 1);
    assert_int_equal(fake_gateway.n_begun, PUSH_TRIES_MAX);
}

// The gateway as a whole fails: the only token is tried by the same table, not by the pace of probes.
static void the_table_when_nothing_answers(void **state) {
    static const uint64_t delays_s[] = {8, 64, 512, 4096};
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    for (unsigned i = 0; i < ARRAY_LEN(delays_s); i++) {
        assert_under_way("bob");
        stage_fail_all(&s, HTTP_FAILED_CONNECT);
        stage_wait(&s, delays_s[i] * 1000 - 1);
        assert_int_equal(fake_gateway.n_begun, i + 1);
        stage_wait(&s, delays_s[i] * 1000 / 8 + 1);
    }
    stage_fail_all(&s, HTTP_FAILED_TIMEOUT);
    assert_pending("");
}

static void whatever_is_not_200_or_410_is_tried_again(void **state) {
    static const struct {
        unsigned status;
        enum http_outcome outcome;
    } cases[] = {
        {201, HTTP_ANSWERED},  {204, HTTP_ANSWERED},     {301, HTTP_ANSWERED},      {302, HTTP_ANSWERED},
        {307, HTTP_ANSWERED},  {400, HTTP_ANSWERED},     {401, HTTP_ANSWERED},      {403, HTTP_ANSWERED},
        {404, HTTP_ANSWERED},  {413, HTTP_ANSWERED},     {429, HTTP_ANSWERED},      {500, HTTP_ANSWERED},
        {502, HTTP_ANSWERED},  {503, HTTP_ANSWERED},     {504, HTTP_ANSWERED},      {0, HTTP_FAILED_CONNECT},
        {0, HTTP_FAILED_TLS},  {0, HTTP_FAILED_TIMEOUT}, {0, HTTP_FAILED_PROTOCOL}, {0, HTTP_FAILED_TOO_LARGE},
        {0, HTTP_FAILED_BODY}, {0, HTTP_FAILED_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "bob%02zu", i);
        (void)stage_account(&s, name);
        stage_deliver(&s, name);
        assert_under_way(name);
        if (cases[i].status != 0)
            stage_answer_all(&s, cases[i].status);
        else
            stage_fail_all(&s, cases[i].outcome);
        stage_expect_one(&s, name, 1, 8000, 9000);
        stage_wait(&s, 9000);
        assert_under_way(name);
        stage_answer_all(&s, 200);
        assert_pending("");
    }
}

// ---- several deliveries ----

static void one_within_a_second(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    stage_wait(&s, 100);
    stage_answer_all(&s, 200);
    stage_wait(&s, 400);
    stage_deliver(&s, "bob");
    stage_deliver(&s, "bob");
    assert_pending("");
    stage_wait(&s, 501);
    assert_under_way("");
    stage_deliver(&s, "bob");
    assert_under_way("bob");
    stage_answer_all(&s, 200);
    assert_int_equal(fake_gateway.n_begun, 2);
}

static void while_the_request_is_under_way(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    stage_wait(&s, 900);
    stage_deliver(&s, "bob"); // within the second
    stage_answer_all(&s, 200);
    assert_pending("");
    assert_under_way("");
    stage_wait(&s, 10000);
    stage_deliver(&s, "bob");
    stage_wait(&s, 1500);
    stage_deliver(&s, "bob"); // after it
    assert_int_equal(fake_gateway.n_calls, 1);
    stage_answer_all(&s, 200);
    assert_under_way("bob");
    assert_int_equal(fake_gateway.n_begun, 3);
    stage_answer_all(&s, 200);
    assert_pending("");
}

// A request that fails covers what it would have covered, and no more.
static void a_delivery_while_it_fails(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    stage_wait(&s, 500);
    stage_deliver(&s, "bob");
    stage_answer_all(&s, 500);
    stage_expect_one(&s, "bob", 1, 8000, 9000);
    stage_wait(&s, 2000);
    stage_deliver(&s, "bob"); // begins anew
    assert_under_way("bob");
    stage_answer_all(&s, 500);
    stage_expect_one(&s, "bob", 1, 8000, 9000);
    stage_wait(&s, 9000);
    stage_wait(&s, 2000);
    stage_deliver(&s, "bob");
    stage_answer_all(&s, 500);
    assert_under_way("bob");
    stage_answer_all(&s, 200);
    assert_pending("");
}

// Nor is the gateway asked twice in a second because it was quick to say no: who comes within it shares the failure, as
// one of its own.
static void a_delivery_after_it_failed(void **state) {
    (void)stage_account(&s, "bob");
    stage_deliver(&s, "bob");
    for (unsigned i = 0; i < 2; i++) { // the first try and the second
        stage_answer_all(&s, 500);
        stage_wait(&s, 500);
        stage_deliver(&s, "bob");
        stage_deliver(&s, "bob");
        assert_under_way("");
        stage_expect_one(&s, "bob", 1, 8000, 9000);
        for (int ms = 0; ms < 9000 && fake_gateway.n_calls == 0; ms += 100)
            stage_wait(&s, 100);
        assert_under_way("bob");
    }
    assert_int_equal(fake_gateway.n_begun, 3);
    stage_answer_all(&s, 500);
    stage_wait(&s, 1001);
    stage_deliver(&s, "bob"); // after the second
    assert_under_way("bob");
    stage_answer_all(&s, 200);
    assert_pending("");
}

// ---- many tokens ----

static void at_most_so_many_at_a_time(void **state) {
    stage_make_accounts(&s, "t", 60);
    stage_prove(&s);
    stage_wait(&s, 5000);
    stage_deliver_to(&s, "t", 60);
    assert_int_equal(fake_gateway.n_calls, PUSH_FIRSTS_MAX);
    while (fake_gateway.n_calls > 0)
        stage_answer_all(&s, 200);
    assert_pending("");
    assert_int_equal(fake_gateway.n_begun, 61);
    assert_in_range(fake_gateway.most_calls, PUSH_FIRSTS_MAX, PUSH_FLIGHTS_MAX);
}

static void retries_leave_room_for_first_tries(void **state) {
    stage_make_accounts(&s, "t", 20);
    (void)stage_account(&s, "new");
    stage_prove(&s);
    stage_deliver_to(&s, "t", 20);
    stage_answer_all(&s, 500);
    assert_under_way("");
    stage_wait(&s, 9000);
    assert_int_equal(fake_gateway.n_calls, PUSH_RETRIES_MAX);
    stage_deliver(&s, "new");
    assert_int_equal(fake_gateway.n_calls, PUSH_RETRIES_MAX + 1);
    stage_answer(&s, "new", 200);
    while (fake_gateway.n_calls > 0) {
        stage_answer_all(&s, 200);
        assert_in_range(fake_gateway.n_calls, 0, PUSH_RETRIES_MAX);
    }
    assert_pending("");
}

static void first_tries_leave_room_for_retries(void **state) {
    stage_make_accounts(&s, "t", 60);
    (void)stage_account(&s, "old");
    stage_prove(&s);
    stage_deliver(&s, "old");
    stage_answer_all(&s, 500);
    stage_deliver_to(&s, "t", 60);
    stage_wait(&s, 9000);
    assert_non_null(fake_gateway_find("old"));
    while (fake_gateway.n_calls > 0)
        stage_answer_all(&s, 200);
    assert_pending("");
}

// ---- the gateway as a whole ----

static unsigned tries_in_all(void) {
    return (unsigned)fixture_number(&s.store, "SELECT coalesce(sum(tries), 0) FROM push");
}

static void an_outage_burns_one_try(void **state) {
    stage_make_accounts(&s, "t", 60);
    stage_prove(&s);
    stage_deliver_to(&s, "t", 60);
    assert_int_equal(fake_gateway.n_calls, PUSH_FIRSTS_MAX);
    stage_fail_all(&s, HTTP_FAILED_PROTOCOL);
    assert_int_equal(tries_in_all(), 1);
    assert_int_equal(metrics_read("martlet_push_gateway_fails"), 1);
    assert_under_way("");
    static const uint64_t pauses[] = {1000, 2000, 4000, 8000, 8000};
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        stage_wait(&s, pauses[i] - 1);
        assert_int_equal(fake_gateway.n_calls, 0);
        stage_wait(&s, 1);
        assert_int_equal(fake_gateway.n_calls, 1); // a single probe
        if (i + 1 < ARRAY_LEN(pauses))
            stage_fail_all(&s, HTTP_FAILED_CONNECT);
    }
    assert_int_equal(tries_in_all(), ARRAY_LEN(pauses));
    stage_answer_all(&s, 200); // it is back: all of them, as fast as it can
    assert_int_equal(metrics_read("martlet_push_gateway_fails"), 0);
    assert_in_range(fake_gateway.n_calls, PUSH_FIRSTS_MAX, PUSH_FLIGHTS_MAX);
    for (int i = 0; i < 10; i++) {
        while (fake_gateway.n_calls > 0)
            stage_answer_all(&s, 200);
        stage_wait(&s, 1000);
    }
    assert_pending("");
}

static void a_gateway_that_swallows_everything(void **state) {
    stage_make_accounts(&s, "t", 40);
    stage_deliver_to(&s, "t", 40);
    stage_wait(&s, 59000);
    assert_int_equal(fake_gateway.n_calls, PACE_PROBES_MAX);
    stage_fail_all(&s, HTTP_FAILED_TIMEOUT);
    assert_int_equal(tries_in_all(), 1); // the others went down with the first
    for (unsigned minutes = 1; minutes <= 10; minutes++) {
        stage_wait(&s, 60000);
        assert_in_range(fake_gateway.n_calls, 1, PACE_PROBES_MAX);
        stage_fail_all(&s, HTTP_FAILED_TIMEOUT);
    }
    assert_in_range(tries_in_all(), 5, 11);
    while (fake_gateway.n_calls == 0)
        stage_wait(&s, 1000);
    for (int i = 0; i < 200 && stage_pending(&s)[0] != '\0'; i++) {
        while (fake_gateway.n_calls > 0)
            stage_answer_all(&s, 200);
        stage_wait(&s, 10000);
    }
    assert_pending("");
}

static void one_token_that_hangs_holds_up_nobody(void **state) {
    (void)stage_account(&s, "hangs");
    (void)stage_account(&s, "fine");
    stage_deliver(&s, "hangs");
    assert_under_way("hangs");
    stage_deliver(&s, "fine");
    stage_wait(&s, 1000);
    assert_under_way("fine hangs");
    stage_answer(&s, "fine", 200);
    for (int i = 0; i < 3; i++) {
        stage_wait(&s, 10000);
        stage_deliver(&s, "fine");
        assert_under_way("fine hangs");
        stage_answer(&s, "fine", 200);
    }
    stage_fail(&s, "hangs", HTTP_FAILED_TIMEOUT);
    assert_int_equal(s.push->pace.failures, 0);
    stage_expect_one(&s, "hangs", 1, 8000, 9000);
    stage_wait(&s, 9000);
    stage_answer_all(&s, 200);
}

// After a time-out the connection is not trusted with further requests; it goes with the last one on it.
static void a_silent_connection_is_left(void **state) {
    stage_make_accounts(&s, "t", 3);
    stage_prove(&s);
    assert_int_equal(fake_gateway.n_clients, 1);
    stage_deliver_to(&s, "t", 3);
    stage_fail(&s, "t001", HTTP_FAILED_TIMEOUT);
    assert_under_way("t000 t002");
    stage_wait(&s, 9000);
    assert_under_way("t000 t001 t002");
    assert_int_equal(fake_gateway.n_clients, 2);
    assert_ptr_not_equal(fake_gateway_find("t000")->client, fake_gateway_find("t001")->client);
    stage_answer_all(&s, 200);
    assert_int_equal(fake_gateway.n_clients, 1);
    assert_pending("");
}

static void no_address_burns_no_try(void **state) {
    stage_make_accounts(&s, "t", 5);
    stage_use_zone(&s, "push.test A !failed\npush.test AAAA !failed\n");
    stage_deliver_to(&s, "t", 5);
    stage_wait(&s, 600 * 1000);
    assert_int_equal(fake_gateway.n_begun, 0);
    assert_int_equal(tries_in_all(), 0);
    assert_in_range(s.dns.n_asked, 2, 2 * (4 + 600 / 8)); // two families each
    stage_use_zone(&s, "push.test A 192.0.2.1\n");
    stage_wait(&s, 8000);
    assert_int_equal(fake_gateway.n_calls, 1);
    stage_answer_all(&s, 200);
    assert_int_equal(fake_gateway.n_calls, 4);
    stage_answer_all(&s, 200);
    assert_pending("");
}

// Where it was is where it is, as long as the DNS cannot be asked.
static void an_address_outlives_the_dns(void **state) {
    stage_prove(&s);
    (void)stage_account(&s, "bob");
    stage_use_zone(&s, "push.test A !failed\npush.test AAAA !failed\n");
    stage_wait(&s, 7200 * 1000);
    stage_deliver(&s, "bob");
    assert_under_way("bob");
    assert_int_equal(fake_gateway.calls[0]->s.n_addresses, 2);
    stage_answer_all(&s, 200);
}

static void given_up_after_five_hours(void **state) {
    stage_make_accounts(&s, "t", 50);
    stage_use_zone(&s, "push.test A !failed\npush.test AAAA !failed\n");
    stage_deliver_to(&s, "t", 50);
    stage_wait(&s, PUSH_LIFETIME_MS - 3600 * 1000);
    assert_int_equal(fixture_number(&s.store, "SELECT count(*) FROM push"), 50);
    stage_wait(&s, 3600 * 1000 + 60 * 1000);
    assert_pending("");
    assert_int_equal(fake_gateway.n_begun, 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_delivery_is_one_request),
        TEST(every_token_of_an_account),
        TEST(a_dead_token_is_forgotten),
        TEST(the_table_of_tries),
        TEST(the_table_when_nothing_answers),
        TEST(whatever_is_not_200_or_410_is_tried_again),
        TEST(one_within_a_second),
        TEST(while_the_request_is_under_way),
        TEST(a_delivery_while_it_fails),
        TEST(a_delivery_after_it_failed),
        TEST(at_most_so_many_at_a_time),
        TEST(retries_leave_room_for_first_tries),
        TEST(first_tries_leave_room_for_retries),
        TEST(an_outage_burns_one_try),
        TEST(a_gateway_that_swallows_everything),
        TEST(one_token_that_hangs_holds_up_nobody),
        TEST(a_silent_connection_is_left),
        TEST(no_address_burns_no_try),
        TEST(an_address_outlives_the_dns),
        TEST(given_up_after_five_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
