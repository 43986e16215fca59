// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "push/pace.h"

enum { NOW = 1000000, ROOM = 32 };

static void an_unknown_gateway_is_asked_one_by_one(void **state) {
    struct pace p = {0};
    assert_false(pace_is_proven(&p, NOW));
    size_t under_way = 0;
    for (uint64_t ms = 0; ms < 20000; ms += 100) {
        size_t n = pace_permits(&p, NOW + ms, under_way, ROOM);
        size_t want = ms % PACE_PAUSE_MIN_MS == 0 && under_way < PACE_PROBES_MAX ? 1 : 0;
        assert_int_equal(n, want);
        for (; n > 0; n--, under_way++)
            (void)pace_begin(&p, NOW + ms);
    }
    assert_int_equal(under_way, PACE_PROBES_MAX);
}

static void an_answer_opens_it(void **state) {
    struct pace p = {0};
    (void)pace_begin(&p, NOW);
    assert_int_equal(pace_permits(&p, NOW + 1, 1, ROOM), 0);
    assert_int_equal(pace_answered(&p, NOW + 5), 0);
    assert_int_equal(pace_permits(&p, NOW + 5, 0, ROOM), ROOM);
    assert_int_equal(pace_permits(&p, NOW + 5, 30, ROOM), 2);
    assert_int_equal(pace_permits(&p, NOW + 5, ROOM, ROOM), 0);
    // For a while; then it is asked one by one again, the first at once.
    assert_true(pace_is_proven(&p, NOW + 5 + PACE_PROVEN_MS - 1));
    assert_false(pace_is_proven(&p, NOW + 5 + PACE_PROVEN_MS));
    assert_int_equal(pace_permits(&p, NOW + 5 + PACE_PROVEN_MS, 0, ROOM), 1);
}

static void failures_lengthen_the_pause(void **state) {
    static const uint64_t pauses[] = {1000, 2000, 4000, 8000, 8000, 8000};
    struct pace p = {0};
    uint64_t now = NOW;
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        assert_int_equal(pace_permits(&p, now, 0, ROOM), 1);
        struct pace_mark mark = pace_begin(&p, now);
        assert_int_equal(pace_failed(&p, mark, now, 0), PACE_GATEWAY);
        assert_int_equal(pace_next_at(&p, now), now + pauses[i]);
        assert_int_equal(pace_permits(&p, now + pauses[i] - 1, 0, ROOM), 0);
        now += pauses[i];
    }
    assert_int_equal(pace_answered(&p, now), 6);
    assert_int_equal(pace_permits(&p, now, 0, ROOM), ROOM);
}

static void one_outage_counts_once(void **state) {
    struct pace p = {0};
    (void)pace_answered(&p, NOW);
    struct pace_mark a = pace_begin(&p, NOW), b = pace_begin(&p, NOW), c = pace_begin(&p, NOW);
    assert_int_equal(pace_failed(&p, a, NOW + 1, 0), PACE_GATEWAY);
    assert_int_equal(pace_failed(&p, b, NOW + 1, 0), PACE_KNOWN);
    assert_int_equal(pace_failed(&p, c, NOW + 60000, 0), PACE_KNOWN);
    struct pace_mark d = pace_begin(&p, NOW + 60000);
    assert_int_equal(pace_failed(&p, d, NOW + 60001, 0), PACE_GATEWAY);
    assert_int_equal(p.failures, 2);
}

static void what_fails_while_others_are_answered_is_its_own(void **state) {
    struct pace p = {0};
    struct pace_mark a = pace_begin(&p, NOW), b = pace_begin(&p, NOW + 1000);
    (void)pace_answered(&p, NOW + 1500);
    assert_int_equal(pace_failed(&p, a, NOW + 60000, 0), PACE_OWN);
    assert_int_equal(pace_failed(&p, b, NOW + 60000, 0), PACE_OWN);
    assert_int_equal(p.failures, 0);
}

static void it_waits_as_long_as_it_is_asked_to(void **state) {
    static const struct {
        uint64_t asked_ms, want_ms;
    } cases[] = {{0, 1000}, {500, 1000}, {30000, 30000}, {60000, 60000}, {86400000, PACE_ASKED_TO_WAIT_MAX_MS}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pace p = {0};
        struct pace_mark mark = pace_begin(&p, NOW);
        (void)pace_failed(&p, mark, NOW, cases[i].asked_ms);
        assert_int_equal(pace_next_at(&p, NOW), NOW + cases[i].want_ms);
    }
}

static void no_address_is_trouble_too(void **state) {
    struct pace p = {0};
    (void)pace_answered(&p, NOW);
    pace_unreachable(&p, NOW);
    assert_int_equal(pace_permits(&p, NOW, 0, ROOM), 0);
    pace_unreachable(&p, NOW + 1000);
    assert_int_equal(pace_next_at(&p, NOW + 1000), NOW + 3000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_gateway_is_asked_one_by_one),
        cmocka_unit_test(an_answer_opens_it),
        cmocka_unit_test(failures_lengthen_the_pause),
        cmocka_unit_test(one_outage_counts_once),
        cmocka_unit_test(what_fails_while_others_are_answered_is_its_own),
        cmocka_unit_test(it_waits_as_long_as_it_is_asked_to),
        cmocka_unit_test(no_address_is_trouble_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
