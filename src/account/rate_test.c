// SPDX-License-Identifier: MIT
#include "account/rate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"

static const uint64_t start_us = 1000000000ULL;
static const int64_t wall = 1700000000;

static void at_ms(uint64_t ms) {
    clock_set_fake(start_us + ms * 1000, wall);
}

static int setup(void **state) {
    at_ms(0);
    *state = account_rates_new();
    return 0;
}

static int teardown(void **state) {
    account_rates_free(*state);
    clock_use_real();
    return 0;
}

static bool send(struct account_rates *r, uint64_t id) {
    uint32_t wait_s = 0;
    bool ok = account_rates_take_send(r, id, 60, 10, &wait_s);
    assert_int_equal(ok, wait_s == 0);
    return ok;
}

static int send_all(struct account_rates *r, uint64_t id) {
    int n = 0;
    while (n < 1000 && send(r, id))
        n++;
    return n;
}

static void a_burst_then_one_a_second(void **state) {
    struct account_rates *r = *state;
    assert_int_equal(send_all(r, 1), 10);
    assert_int_equal(send_all(r, 2), 10); // another sender has his own
    at_ms(999);
    assert_false(send(r, 1));
    at_ms(1000);
    assert_int_equal(send_all(r, 1), 1);
    at_ms(4500);
    assert_int_equal(send_all(r, 1), 3);
    at_ms(5000);
    assert_int_equal(send_all(r, 1), 1);
    at_ms(3600000);
    assert_int_equal(send_all(r, 1), 10); // never more than the burst
}

static void the_wait_is_true(void **state) {
    struct account_rates *r = *state;
    uint32_t wait_s = 0;
    // Six a minute, two at once: the third after ten seconds.
    assert_true(account_rates_take_send(r, 1, 6, 2, &wait_s));
    assert_true(account_rates_take_send(r, 1, 6, 2, &wait_s));
    assert_int_equal(wait_s, 0);
    assert_false(account_rates_take_send(r, 1, 6, 2, &wait_s));
    assert_int_equal(wait_s, 10);
    at_ms(9500);
    assert_false(account_rates_take_send(r, 1, 6, 2, &wait_s));
    assert_int_equal(wait_s, 1);
    at_ms(10000);
    assert_true(account_rates_take_send(r, 1, 6, 2, &wait_s));
}

static void extreme_settings(void **state) {
    struct account_rates *r = *state;
    uint32_t wait_s;
    for (int i = 0; i < 5; i++)
        assert_int_equal(account_rates_take_send(r, 1, 1, 1, &wait_s), i == 0);
    assert_int_equal(wait_s, 60);
    for (int i = 0; i < 1000; i++)
        assert_true(account_rates_take_send(r, 2, 1000000, 1000000, &wait_s));
}

static void the_wall_clock_does_not_matter(void **state) {
    struct account_rates *r = *state;
    assert_int_equal(send_all(r, 1), 10);
    clock_set_fake(start_us, wall + 86400);
    assert_int_equal(send_all(r, 1), 0);
    clock_set_fake(start_us + 1000000, wall - 86400);
    assert_int_equal(send_all(r, 1), 1);
}

static bool create(struct account_rates *r, int client, int name, uint32_t per_hour) {
    struct hash128 key = hash_keyed(&client, sizeof(client));
    char address[32];
    int len = snprintf(address, sizeof(address), "n%d@a.org", name);
    return account_rates_take_creation(r, key, slice_make(address, (size_t)len), per_hour);
}

static void new_accounts_by_client(void **state) {
    struct account_rates *r = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(create(r, 1, i, 3), i < 3);
    assert_true(create(r, 2, 10, 3));
    at_ms(20 * 60 * 1000);
    assert_true(create(r, 1, 20, 3));
    assert_false(create(r, 1, 21, 3));
    for (int i = 0; i < 500; i++)
        assert_true(create(r, 1, 100 + i, 0)); // no limit
}

static void one_name_counts_once(void **state) {
    struct account_rates *r = *state;
    for (int i = 0; i < 10; i++) {
        assert_true(create(r, 1, 1, 1));
        assert_true(create(r, 2, 1, 1)); // the other protocol may come by another address
    }
    assert_false(create(r, 1, 2, 1));
    assert_true(create(r, 2, 3, 1)); // it was not counted for the second client
    at_ms(61 * 1000);
    assert_false(create(r, 1, 1, 1)); // the grant is over
    assert_false(create(r, 1, 1, 1)); // and the refusal left none
}

enum { THREADS = 4 };
static atomic_int n_granted;

static void *take_many(void *arg) {
    struct account_rates *r = arg;
    for (int i = 0; i < 500; i++) {
        atomic_fetch_add(&n_granted, create(r, 1, i, 100));
        (void)send(r, 1);
    }
    return NULL;
}

static void threads_share_one_limit(void **state) {
    pthread_t threads[THREADS];
    atomic_store(&n_granted, 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, *state), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    // The first hundred names to come, each as often as somebody asked again.
    assert_true(atomic_load(&n_granted) >= 100 && atomic_load(&n_granted) <= 100 * THREADS);
    assert_false(create(*state, 1, 1000, 100));
    assert_false(send(*state, 1));
}

static int offers(struct account_rates *r, uint64_t client) {
    int n = 0;
    uint32_t wait_s = 0;
    while (n < 100 && account_rates_take_offer(r, (struct hash128){client, client}, &wait_s))
        n++;
    assert_int_equal(wait_s, 1);
    return n;
}

static void offers_five_then_two_a_second(void **state) {
    struct account_rates *r = *state;
    assert_int_equal(offers(r, 1), 5);
    assert_int_equal(offers(r, 2), 5);
    at_ms(499);
    assert_int_equal(offers(r, 1), 0);
    at_ms(500);
    assert_int_equal(offers(r, 1), 1);
    at_ms(2000);
    assert_int_equal(offers(r, 1), 3);
    at_ms(60000);
    assert_int_equal(offers(r, 1), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_then_one_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wait_is_true, setup, teardown),
        cmocka_unit_test_setup_teardown(extreme_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wall_clock_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(new_accounts_by_client, setup, teardown),
        cmocka_unit_test_setup_teardown(one_name_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_share_one_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(offers_five_then_two_a_second, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
