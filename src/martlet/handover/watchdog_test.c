// SPDX-License-Identifier: MIT
// The parent's judgement over a relay's signs of life, on a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "martlet/handover/watchdog.h"

enum { LIMIT = 60000, EVERY = 5000, HANG = 30000 };

// What happens within an interval, before the parent looks.
enum event { NOTHING, START, READY, ROUND, END };

struct row {
    enum event event;
    uint64_t after_ms; // of the last row
    bool want_feed, want_kill;
};

static void play(const char *name, const struct row *rows, size_t n) {
    struct watchdog w;
    uint64_t now = 1000000;
    watchdog_init(&w, LIMIT, now);
    assert_int_equal(watchdog_every_ms(LIMIT), EVERY);
    for (size_t i = 0; i < n; i++) {
        now += rows[i].after_ms;
        if (rows[i].event == READY)
            watchdog_on_ready(&w, now);
        else if (rows[i].event == START)
            watchdog_on_start(&w, now);
        else if (rows[i].event == ROUND)
            watchdog_on_round(&w, now);
        else if (rows[i].event == END)
            watchdog_on_end(&w);
        struct watchdog_verdict got = watchdog_look(&w, now);
        if (got.feed != rows[i].want_feed || got.kill != rows[i].want_kill)
            fail_msg("%s, row %zu: got feed=%d kill=%d, want feed=%d kill=%d", name, i, got.feed, got.kill,
                     rows[i].want_feed, rows[i].want_kill);
    }
}

#define PLAY(rows) play(#rows, rows, ARRAY_LEN(rows))

static void test_fed_while_rounds_come(void **state) {
    static const struct row rows[] = {
        {READY, 0, false, false},    {ROUND, EVERY, true, false},
        {ROUND, EVERY, true, false}, {NOTHING, 100, false, false}, // asked more often it is not fed more often
        {ROUND, EVERY, true, false},
    };
    PLAY(rows);
}

static void test_hang(void **state) {
    static const struct row rows[] = {
        {READY, 0, false, false},      {ROUND, EVERY, true, false},   {NOTHING, EVERY, true, false},
        {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false},
        {NOTHING, EVERY, true, false}, {NOTHING, EVERY, false, true}, // 30 s after the last round
        {NOTHING, EVERY, false, true}, {END, 10, true, false},        // killed; the next one starts
        {READY, 500, false, false},    {ROUND, EVERY, true, false},
    };
    PLAY(rows);
}

// A relay that starts has time, but no more of it because it starts again and again.
static void test_never_ready(void **state) {
    struct watchdog w;
    uint64_t now = 1000000, fed_until = 0;
    watchdog_init(&w, LIMIT, now);
    watchdog_on_ready(&w, now);
    for (uint64_t until = now + 2 * WATCHDOG_START_MAX_MS; now < until;) {
        now += EVERY;
        watchdog_on_end(&w);
        struct watchdog_verdict got = watchdog_look(&w, now);
        assert_false(got.kill);
        if (got.feed)
            fed_until = now;
    }
    assert_int_equal(fed_until, 1000000 + WATCHDOG_START_MAX_MS - EVERY);
}

// One that hangs before it is ready is given its time, and is ended then: nobody else may be there to do it.
static void test_hangs_at_its_start(void **state) {
    struct watchdog w;
    uint64_t now = 1000000;
    watchdog_init(&w, LIMIT, now);
    watchdog_on_start(&w, now);
    watchdog_on_ready(&w, now);
    watchdog_on_end(&w);
    for (unsigned restart = 0; restart < 2; restart++) {
        watchdog_on_start(&w, now);
        for (uint64_t until = now + WATCHDOG_START_MAX_MS - EVERY; now < until;) {
            now += EVERY;
            assert_false(watchdog_look(&w, now).kill);
        }
        now += EVERY;
        assert_true(watchdog_look(&w, now).kill);
        watchdog_on_end(&w);
        assert_false(watchdog_look(&w, now).kill);
    }
    static const struct row rows[] = {
        {START, 0, false, false}, {NOTHING, 3600000, true, false}, {READY, EVERY, true, false}};
    PLAY(rows);
}

// A machine that was paused has not let the relay answer either.
static void test_standstill(void **state) {
    static const struct row rows[] = {
        {READY, 0, false, false},      {ROUND, EVERY, true, false},   {NOTHING, 3600000, true, false},
        {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false},
        {NOTHING, EVERY, false, true}, // two intervals of the hour count
    };
    PLAY(rows);
}

// Standing still, the parent hears of a round, or of readiness, before it looks again: the sign is as old as now, and
// not of the future.
static void test_sign_after_a_standstill(void **state) {
    static const struct row rows[] = {
        {READY, 20000, true, false},   {ROUND, EVERY, true, false},   {ROUND, 3600000, true, false},
        {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false},
        {NOTHING, EVERY, true, false}, {NOTHING, EVERY, true, false}, {NOTHING, EVERY, false, true},
    };
    PLAY(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fed_while_rounds_come),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_never_ready),
        cmocka_unit_test(test_hangs_at_its_start),
        cmocka_unit_test(test_standstill),
        cmocka_unit_test(test_sign_after_a_standstill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
