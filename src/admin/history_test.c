// SPDX-License-Identifier: MIT
#include "admin/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/metrics.h"

static const char *const verdicts[] = {"accepted", "refused"};
static struct metric_counter submitted =
    METRIC_COUNTER_BY("martlet_submitted_messages", "Messages", "verdict", verdicts);

enum { NOON = 12 * 3600 };

static void nothing_was_added_before_the_start(void **state) {
    metric_add(&submitted, 0, 5);
    clock_set_fake(NOON * 1000000ULL, NOON);
    struct control_history *h = control_history_new();
    assert_int_equal(control_history_added(h, CONTROL_SUBMITTED, 60), 0);
    metric_add(&submitted, 0, 7);
    metric_add(&submitted, 1, 2);
    assert_int_equal(control_history_added(h, CONTROL_SUBMITTED, 60), 7);
    assert_int_equal(control_history_added(h, CONTROL_REFUSED, 24 * 3600), 2);
    assert_int_equal(control_history_added(h, CONTROL_INBOUND, 60), 0);
    control_history_free(h);
    clock_use_real();
}

// Ten a minute for two days.
static void a_span_is_that_of_its_samples(void **state) {
    static const struct {
        uint64_t seconds, want;
    } cases[] = {{1, 10}, {60, 10}, {61, 20}, {3600, 600}, {24 * 3600, 14400}, {48 * 3600, 14410}};
    clock_set_fake(0, 0);
    struct control_history *h = control_history_new();
    for (uint64_t minute = 1; minute <= 2 * 24 * 60; minute++) {
        metric_add(&submitted, 0, 10);
        clock_set_fake(minute * 60 * 1000000, 0);
        if (minute < (uint64_t)2 * 24 * 60)
            control_history_tick(h);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(control_history_added(h, CONTROL_SUBMITTED, cases[i].seconds), cases[i].want);
    control_history_free(h);
    clock_use_real();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_added_before_the_start),
        cmocka_unit_test(a_span_is_that_of_its_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
