// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "base/pressure.h"

enum { LAST = 9 };
#define END                                                                                                            \
    { 0, LAST }

// One reading after another, and the level that follows each.
static void levels_follow_readings(void **state) {
    (void)state;
    const struct {
        const char *what;
        struct pressure_bounds bounds;
        unsigned calm;
        struct {
            uint64_t taken;
            unsigned level;
        } steps[12];
    } rows[] = {
        {"memory",
         pressure_bounds_memory(1000),
         1,
         {{0, 0},
          {699, 0},
          {700, 1},
          {799, 1},
          {800, 2},
          {750, 2},
          {749, 1},
          {900, 3},
          {850, 3},
          {849, 2},
          {649, 0},
          END}},
        {"straight to the top and back", pressure_bounds_memory(1000), 1, {{5000, 3}, {0, 0}, {850, 2}, {1, 0}, END}},
        {"files have no third level",
         pressure_bounds_files(100),
         1,
         {{79, 0}, {80, 1}, {94, 1}, {95, 2}, {1000, 2}, {90, 2}, {89, 1}, {74, 0}, END}},
        {"load",
         pressure_bounds_load(500),
         1,
         {{499, 0}, {500, 1}, {250, 1}, {2000, 2}, {1000, 2}, {999, 1}, {5000, 3}, {2499, 2}, {249, 0}, END}},
        {"a disk has no second level",
         pressure_bounds_disk(1000, 200, 50),
         1,
         {{800, 0}, {801, 1}, {950, 1}, {951, 3}, {939, 3}, {938, 1}, {751, 1}, {750, 0}, END}},
        {"a disk whose first bound would come too late",
         pressure_bounds_disk(1000, 0, 50),
         1,
         {{900, 0}, {901, 1}, {951, 3}, {0, 0}, END}},
        {"a disk smaller than what should be left",
         pressure_bounds_disk(100, 1000, 10),
         1,
         {{1, 0}, {2, 1}, {91, 3}, END}},
        {"a limit of next to nothing", pressure_bounds_memory(1), 1, {{0, 0}, {1, 3}, {0, 0}, END}},
        {"down only when it stays calm",
         pressure_bounds_load(100),
         3,
         {{1000, 3}, {0, 3}, {0, 3}, {1000, 3}, {0, 3}, {0, 3}, {0, 0}, {100, 1}, END}},
        {"down to the worst of the calm readings",
         pressure_bounds_load(100),
         3,
         {{1000, 3}, {0, 3}, {450, 3}, {0, 2}, {0, 2}, {0, 2}, {0, 0}, END}},
        {"up at once while it was calm", pressure_bounds_load(100), 3, {{100, 1}, {0, 1}, {0, 1}, {500, 2}, END}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pressure_state s = {.level = 0};
        for (size_t j = 0; rows[i].steps[j].level != LAST; j++) {
            unsigned got = pressure_step(&s, &rows[i].bounds, rows[i].steps[j].taken, rows[i].calm);
            if (got != rows[i].steps[j].level)
                fail_msg("%s: step %zu, %llu taken: got level %u, want %u", rows[i].what, j,
                         (unsigned long long)rows[i].steps[j].taken, got, rows[i].steps[j].level);
        }
    }
}

static void huge_numbers_do_not_overflow(void **state) {
    (void)state;
    struct pressure_bounds b = pressure_bounds_memory(UINT64_MAX);
    assert_true(b.enter[0] < b.enter[1] && b.enter[1] < b.enter[2] && b.enter[2] < UINT64_MAX);
    assert_true(b.leave[2] < b.enter[2] && b.leave[2] > b.enter[1]);
}

static void doors_shut_in_order(void **state) {
    (void)state;
    const struct {
        unsigned levels[PRESSURE_N_CAUSES]; // load, memory, disk, files
        bool accounts, connections, deliveries;
    } rows[] = {
        {{0, 0, 0, 0}, false, false, false}, {{1, 0, 0, 0}, true, false, false},  {{2, 0, 0, 0}, true, true, false},
        {{3, 0, 0, 0}, true, true, true},    {{0, 1, 0, 0}, true, false, false},  {{0, 2, 0, 0}, true, true, false},
        {{0, 3, 0, 0}, true, true, true},    {{0, 0, 1, 0}, true, false, false},  {{0, 0, 3, 0}, true, false, true},
        {{0, 0, 0, 1}, true, false, false},  {{0, 0, 0, 2}, true, true, false},   {{0, 0, 3, 2}, true, true, true},
        {{1, 2, 0, 0}, true, true, false},   {{0, 0, 0, 0}, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pressure_publish(rows[i].levels);
        bool ok = pressure_shuts(PRESSURE_ACCOUNTS) == rows[i].accounts &&
                  pressure_shuts(PRESSURE_CONNECTIONS) == rows[i].connections &&
                  pressure_shuts(PRESSURE_DELIVERIES) == rows[i].deliveries;
        for (unsigned c = 0; c < PRESSURE_N_CAUSES; c++)
            ok = ok && pressure_level((enum pressure_cause)c) == rows[i].levels[c];
        if (!ok)
            fail_msg("row %zu: got %d %d %d", i, pressure_shuts(PRESSURE_ACCOUNTS),
                     pressure_shuts(PRESSURE_CONNECTIONS), pressure_shuts(PRESSURE_DELIVERIES));
    }
}

static void only_load_passes_soon(void **state) {
    (void)state;
    const struct {
        unsigned levels[PRESSURE_N_CAUSES]; // load, memory, disk, files
        bool want;
    } rows[] = {{{0, 0, 0, 0}, false}, {{1, 0, 0, 0}, false}, {{2, 0, 0, 0}, true},  {{3, 1, 3, 1}, true},
                {{3, 2, 0, 0}, false}, {{2, 0, 0, 2}, false}, {{0, 2, 0, 0}, false}, {{0, 0, 0, 0}, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pressure_publish(rows[i].levels);
        if (pressure_passes_soon() != rows[i].want)
            fail_msg("row %zu: want %d", i, rows[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_readings),
        cmocka_unit_test(huge_numbers_do_not_overflow),
        cmocka_unit_test(doors_shut_in_order),
        cmocka_unit_test(only_load_passes_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
