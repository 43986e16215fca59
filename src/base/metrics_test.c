// SPDX-License-Identifier: MIT
#include "base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const verdicts[] = {"accepted", "refused"};
static const uint64_t bounds[] = {1000, 1000000};
static const uint64_t sizes[] = {1, 2, 4};

static struct metric_counter letters = METRIC_COUNTER_BY("test_letters", "Letters by verdict", "verdict", verdicts);
static struct metric_counter stamps = METRIC_COUNTER("test_stamps", "Stamps");
static struct metric_level visitors = METRIC_LEVEL("test_visitors", "Visitors there now");
static struct metric_histogram waits = METRIC_HISTOGRAM_SECONDS("test_wait_seconds", "Waiting", bounds);
static struct metric_histogram groups = METRIC_HISTOGRAM("test_group", "Visitors who came together", sizes);
static struct metric_gauge rooms = METRIC_GAUGE_BY("test_rooms", "Rooms by state", "state", verdicts);
static struct metric_counter unregistered = METRIC_COUNTER("test_unregistered", "Counted before it was registered");
static struct metric *const all[] = {&letters.metric, &stamps.metric, &visitors.metric,
                                     &waits.metric,   &groups.metric, &rooms.metric};

static int64_t value_of(const struct metric *m, size_t i) {
    int64_t value = -1;
    return metric_read(m, i, &value) ? value : -1;
}

static void everything_registered_is_listed_once_by_name(void **state) {
    metrics_register(all, ARRAY_LEN(all));
    metrics_register(all, ARRAY_LEN(all));
    const char *before = "";
    size_t n = 0;
    for (const struct metric *m = metrics_first(); m != NULL; m = metrics_after(m), n++) {
        assert_true(strcmp(before, m->name) < 0);
        assert_ptr_equal(metrics_find(m->name), m);
        before = m->name;
    }
    assert_int_equal(n, ARRAY_LEN(all));
    assert_null(metrics_find("test_unregistered"));
    assert_int_equal(metrics_read("test_unregistered"), 0);
    metric_count(&unregistered, 0);
    assert_int_equal(metrics_read("test_unregistered"), 1);
}

static void values_of_a_label_are_apart(void **state) {
    metric_count(&letters, 0);
    metric_add(&letters, 1, 41);
    metric_count(&letters, 1);
    assert_int_equal(value_of(&letters.metric, 0), 1);
    assert_int_equal(value_of(&letters.metric, 1), 42);
    assert_int_equal(metrics_read_sum("test_letters"), 43);
    assert_int_equal(metrics_read("test_stamps"), 0);
}

static void an_amount_falls_into_the_bucket_that_ends_with_it(void **state) {
    static const uint64_t amounts[] = {0, 1000, 1001, 1000000, 1000001, UINT32_MAX};
    struct metric_distribution d;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++)
        metric_observe(&waits, amounts[i]);
    metric_read_histogram(&waits.metric, &d);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(d.counts[i], 2);
    assert_int_equal(d.n, 6);
    assert_true(d.sum == 0 + 1000 + 1001 + 1000000 + 1000001 + (uint64_t)UINT32_MAX);
}

static int64_t read_rooms(void *arg, size_t value) {
    return *(int *)arg + (int64_t)value;
}

static void a_gauge_has_values_while_it_is_open(void **state) {
    int old = 5, new = 7;
    assert_int_equal(value_of(&rooms.metric, 0), -1);
    metric_gauge_open(&rooms, read_rooms, &old);
    assert_int_equal(value_of(&rooms.metric, 0), 5);
    assert_int_equal(value_of(&rooms.metric, 1), 6);
    metric_gauge_open(&rooms, read_rooms, &new);
    metric_gauge_close(&rooms, &old); // is not asked any more
    assert_int_equal(value_of(&rooms.metric, 0), 7);
    metric_gauge_close(&rooms, &new);
    assert_int_equal(value_of(&rooms.metric, 0), -1);
    assert_int_equal(metrics_read("test_rooms"), 0);
}

static int64_t read_the_second(void *arg, size_t value) {
    return value == 1 ? 3 : METRIC_NO_VALUE;
}

static void a_gauge_may_have_no_value(void **state) {
    int64_t value = 9;
    metric_gauge_open(&rooms, read_the_second, NULL);
    assert_false(metric_read(&rooms.metric, 0, &value));
    assert_int_equal(value, 9);
    assert_int_equal(value_of(&rooms.metric, 1), 3);
    assert_int_equal(metrics_read("test_rooms"), 0);
    assert_int_equal(metrics_read_sum("test_rooms"), 3);
    metric_gauge_close(&rooms, NULL);
}

enum { THREADS = 8, ROUNDS = 100000 };

static void *count_much(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        metric_count(&stamps, 0);
        metric_raise(&visitors, 0, 2);
        metric_observe(&groups, (uint64_t)(i % 3));
    }
    return NULL;
}

static void *lower_much(void *arg) {
    for (int i = 0; i < ROUNDS; i++)
        metric_lower(&visitors, 0, 1);
    return NULL;
}

static void run_threads(void *(*run)(void *arg)) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    // A counter never goes down for a reader.
    for (int64_t seen = 0, i = 0; i < 1000; i++) {
        int64_t now = metrics_read("test_stamps");
        assert_true(now >= seen);
        seen = now;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

// Also when they end: the second lot of threads takes over the pages of the first.
static void nothing_is_lost_between_threads(void **state) {
    struct metric_distribution d;
    run_threads(count_much);
    run_threads(lower_much);
    run_threads(count_much);
    assert_int_equal(metrics_read("test_stamps"), 2 * THREADS * ROUNDS);
    assert_int_equal(metrics_read("test_visitors"), 3 * THREADS * ROUNDS);
    metric_read_histogram(&groups.metric, &d);
    assert_int_equal(d.n, 2 * THREADS * ROUNDS);
    assert_int_equal(d.counts[0] + d.counts[1], d.n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_registered_is_listed_once_by_name),
        cmocka_unit_test(values_of_a_label_are_apart),
        cmocka_unit_test(an_amount_falls_into_the_bucket_that_ends_with_it),
        cmocka_unit_test(a_gauge_has_values_while_it_is_open),
        cmocka_unit_test(a_gauge_may_have_no_value),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
