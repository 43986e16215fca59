// SPDX-License-Identifier: MIT
// Clocks that go right, jump, and are set right again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "expire/trust.h"

enum { H = 480000 };

struct step {
    int64_t wall;    // hour
    uint64_t passed; // hours of running
    int64_t want;    // hour to expire by
    enum expire_verdict want_verdict;
};

struct script {
    const char *what;
    int64_t hour, held, newest; // remembered, in the store
    struct step steps[8];
    size_t n;
};

static void test_scripts(void **state) {
    static const struct script scripts[] = {
        {"a new store", -1, 0, 0, {{H, 0, H, EXPIRE_CLOCK_FINE}, {H + 1, 1, H + 1, EXPIRE_CLOCK_FINE}}, 2},
        {"a store from before expiry", -1, 0, H - 5, {{H, 0, H, EXPIRE_CLOCK_FINE}}, 1},
        {"a weekend off", H - 48, 0, 0, {{H, 0, H, EXPIRE_CLOCK_FINE}}, 1},
        {"a machine that slept as long as it ran", H, 0, 0, {{H + 600, 600, H + 600, EXPIRE_CLOCK_FINE}}, 1},
        {"a jump, mended in time",
         H,
         0,
         0,
         {{H, 0, H, EXPIRE_CLOCK_FINE},
          {H + 90000, 0, H, EXPIRE_CLOCK_AHEAD},
          {H + 90023, 23, H + 23, EXPIRE_CLOCK_AHEAD},
          {H + 24, 1, H + 24, EXPIRE_CLOCK_FINE}},
         4},
        {"a jump that nobody mends, or three months switched off",
         H,
         0,
         H,
         {{H + 2160, 0, H, EXPIRE_CLOCK_AHEAD},
          {H + 2183, 23, H + 23, EXPIRE_CLOCK_AHEAD},
          {H + 2184, 1, H + 24 + 23, EXPIRE_CLOCK_FOLLOW},
          {H + 2185, 1, H + 24 + 47, EXPIRE_CLOCK_FOLLOW},
          {H + 2185, 0, H + 24 + 47, EXPIRE_CLOCK_FOLLOW},
          {H + 2285, 100, H + 2285, EXPIRE_CLOCK_FOLLOW},
          {H + 2286, 1, H + 2286, EXPIRE_CLOCK_FINE}},
         7},
        {"restarts do not begin the wait again", H + 23, 23, H, {{H + 2184, 1, H + 47, EXPIRE_CLOCK_FOLLOW}}, 1},
        {"a clock in the past, mended",
         H,
         0,
         H,
         {{0, 0, H, EXPIRE_CLOCK_BEHIND},
          {23, 23, H + 23, EXPIRE_CLOCK_BEHIND},
          {26, 3, H + 26, EXPIRE_CLOCK_BEHIND}, // a weekend must not date everything anew
          {H + 27, 1, H + 27, EXPIRE_CLOCK_FINE}},
         4},
        {"a clock that had been wrong for long",
         H + 90000,
         0,
         H + 90000,
         {{H, 0, H + 90000, EXPIRE_CLOCK_BEHIND},
          {H + 239, 239, H + 90239, EXPIRE_CLOCK_BEHIND},
          {H + 240, 1, H + 240, EXPIRE_CLOCK_FINE},
          {H + 241, 1, H + 241, EXPIRE_CLOCK_FINE}},
         4},
        {"ahead and then behind waits anew",
         H,
         0,
         0,
         {{H + 5000, 0, H, EXPIRE_CLOCK_AHEAD},
          {H + 5020, 20, H + 20, EXPIRE_CLOCK_AHEAD},
          {H - 5000, 10, H + 30, EXPIRE_CLOCK_BEHIND},
          {H + 5000, 10, H + 40, EXPIRE_CLOCK_AHEAD}},
         4},
    };
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        const struct script *s = &scripts[i];
        struct expire_trust t;
        uint64_t mono_ms = 1234;
        expire_trust_begin(&t, s->hour, s->held, s->newest, s->steps[0].wall, mono_ms);
        for (size_t k = 0; k < s->n; k++) {
            mono_ms += s->steps[k].passed * 3600 * 1000;
            int64_t got = expire_trust_step(&t, s->steps[k].wall, mono_ms);
            if (got != s->steps[k].want || t.verdict != s->steps[k].want_verdict)
                fail_msg("%s, step %zu: got H%+lld verdict %d, want H%+lld verdict %d", s->what, k,
                         (long long)(got - H), t.verdict, (long long)(s->steps[k].want - H), s->steps[k].want_verdict);
        }
    }
}

// Parts of an hour add up.
static void test_minutes(void **state) {
    struct expire_trust t;
    expire_trust_begin(&t, H, 0, 0, H, 0);
    for (uint64_t minute = 1; minute <= 25 * 60; minute++)
        (void)expire_trust_step(&t, H + 5000 + (int64_t)minute / 60, minute * 60 * 1000);
    assert_int_equal(t.held, 25);
    assert_int_equal(t.hour - H, 25 + 2 * 23);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scripts), cmocka_unit_test(test_minutes)};
    return cmocka_run_group_tests_name("expire/trust", tests, NULL, NULL);
}
