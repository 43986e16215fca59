// SPDX-License-Identifier: MIT
// The table of tries, and what covers what: pure pieces of the push service.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "push/push.h"
#include "push/recent.h"
#include "push/tries.h"

static const int64_t NOW = (int64_t)1800000000 * 1000;

static void the_table(void **state) {
    static const int64_t delays_s[PUSH_TRIES_MAX] = {0, 8, 64, 512, 4096};
    for (uint32_t tries = 1; tries < PUSH_TRIES_MAX; tries++) {
        int64_t ms = delays_s[tries] * 1000;
        assert_int_equal(tries_next(tries, NOW, NOW, 0), NOW + ms);
        for (uint64_t chance = 1; chance < UINT64_MAX / 3; chance = chance * 3 + 1) {
            int64_t next = tries_next(tries, NOW, NOW, chance);
            assert_in_range(next, NOW + ms, NOW + ms + ms / 8);
        }
    }
    assert_int_equal(tries_next(PUSH_TRIES_MAX, NOW, NOW, 0), 0);
    assert_int_equal(tries_next(UINT32_MAX, NOW, NOW, 0), 0);
}

static void none_after_five_hours(void **state) {
    int64_t last = NOW + PUSH_LIFETIME_MS;
    assert_int_equal(tries_next(1, NOW, last - 8000, 0), last);
    assert_int_equal(tries_next(1, NOW, last - 7999, 0), 0);
    assert_int_equal(tries_next(4, NOW, last - 4096 * 1000 + 1, 0), 0);
    assert_false(tries_is_late(NOW, last));
    assert_true(tries_is_late(NOW, last + 1));
    // Asked for in the future: the clock was put back.
    assert_false(tries_is_late(NOW, NOW - 1000));
    assert_int_equal(tries_next(1, NOW, NOW - 10000, 0), NOW - 2000);
}

static void a_request_covers_a_second(void **state) {
    static const struct {
        int64_t asked;
        bool want;
    } cases[] = {{-1001, false}, {-1000, true}, {0, true}, {999, true}, {1000, true}, {1001, false}, {60000, false}};
    static const enum recent_outcome outcomes[] = {RECENT_TOLD, RECENT_FAILED, RECENT_TOLD};
    struct recent *r = recent_new(RECENT_MAX);
    recent_remember(r, 7, NOW - 5000, RECENT_FAILED);
    for (size_t o = 0; o < ARRAY_LEN(outcomes); o++) { // the last one counts
        recent_remember(r, 7, NOW, outcomes[o]);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            int64_t until = 0;
            assert_int_equal(recent_find(r, 7, NOW + cases[i].asked, &until),
                             cases[i].want ? outcomes[o] : RECENT_NONE);
            assert_int_equal(until, cases[i].want ? NOW + PUSH_COVERS_MS : 0);
            assert_int_equal(recent_find(r, 8, NOW + cases[i].asked, &until), RECENT_NONE);
        }
    }
    recent_free(r);
    recent_free(NULL);
}

static void the_memory_of_it_is_bounded(void **state) {
    enum { MANY = 100000 };
    struct recent *r = recent_new(RECENT_MAX);
    size_t n = 0;
    int64_t until;
    for (uint64_t id = 1; id <= MANY; id++)
        recent_remember(r, id, NOW, id % 2 == 0 ? RECENT_TOLD : RECENT_FAILED);
    for (uint64_t id = 1; id <= MANY; id++)
        n += recent_find(r, id, NOW, &until) != RECENT_NONE;
    assert_in_range(n, RECENT_MAX / 2, 2 * RECENT_MAX);
    recent_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(none_after_five_hours),
        cmocka_unit_test(a_request_covers_a_second),
        cmocka_unit_test(the_memory_of_it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
