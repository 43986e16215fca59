// SPDX-License-Identifier: MIT
#include "base/pressure.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/metrics.h"
#include "base/panic.h"

enum { DOOR_BITS = 8, LEVEL_BITS = 4, LEVEL_MASK = (1 << LEVEL_BITS) - 1 };

const char *const pressure_cause_names[PRESSURE_N_CAUSES] = {
    [PRESSURE_LOAD] = "load",
    [PRESSURE_MEMORY] = "memory",
    [PRESSURE_DISK] = "disk",
    [PRESSURE_FILES] = "files",
};

#define DOOR(name) (1U << PRESSURE_##name)
static const unsigned doors_of_cause[PRESSURE_N_CAUSES] = {
    [PRESSURE_LOAD] = DOOR(ACCOUNTS) | DOOR(CONNECTIONS) | DOOR(DELIVERIES),
    [PRESSURE_MEMORY] = DOOR(ACCOUNTS) | DOOR(CONNECTIONS) | DOOR(DELIVERIES),
    [PRESSURE_DISK] = DOOR(ACCOUNTS) | DOOR(DELIVERIES),
    [PRESSURE_FILES] = DOOR(ACCOUNTS) | DOOR(CONNECTIONS),
};

// ---- arithmetic ----

struct pressure_bounds pressure_bounds_load(uint64_t first_ms) {
    return (struct pressure_bounds){
        .enter = {first_ms, first_ms * 4, first_ms * 10},
        .leave = {first_ms / 2, first_ms * 2, first_ms * 5},
    };
}

// Hundredths, in the order that neither overflows nor rounds small numbers to nothing.
static uint64_t part(uint64_t n, unsigned hundredths) {
    uint64_t amount = n / 100 * hundredths + n % 100 * hundredths / 100;
    return amount > 0 ? amount : 1; // 0 is PRESSURE_NEVER
}

struct pressure_bounds pressure_bounds_memory(uint64_t limit) {
    return (struct pressure_bounds){
        .enter = {part(limit, 70), part(limit, 80), part(limit, 90)},
        .leave = {part(limit, 65), part(limit, 75), part(limit, 85)},
    };
}

struct pressure_bounds pressure_bounds_files(uint64_t limit) {
    return (struct pressure_bounds){
        .enter = {part(limit, 80), part(limit, 95), PRESSURE_NEVER},
        .leave = {part(limit, 75), part(limit, 90), PRESSURE_NEVER},
    };
}

static uint64_t all_but(uint64_t total, uint64_t left) {
    return left < total ? total - left : 1;
}

struct pressure_bounds pressure_bounds_disk(uint64_t total, uint64_t few, uint64_t floor) {
    if (few < floor * 2)
        few = floor * 2;
    // `taken` has to be more than this: there must be less than `few` left.
    return (struct pressure_bounds){
        .enter = {all_but(total, few) + 1, PRESSURE_NEVER, all_but(total, floor) + 1},
        .leave = {all_but(total, few + few / 4) + 1, PRESSURE_NEVER, all_but(total, floor + floor / 4) + 1},
    };
}

unsigned pressure_doors(enum pressure_cause cause, unsigned level) {
    return doors_of_cause[cause] & ((1U << level) - 1);
}

// What this reading alone asks for, given where we are: what is entered is kept until it is left.
static unsigned wanted(unsigned now, const struct pressure_bounds *b, uint64_t taken) {
    for (unsigned level = PRESSURE_LEVEL_MAX; level > 0; level--) {
        uint64_t bound = level <= now ? b->leave[level - 1] : b->enter[level - 1];
        if (bound != PRESSURE_NEVER && taken >= bound)
            return level;
    }
    return 0;
}

unsigned pressure_step(struct pressure_state *s, const struct pressure_bounds *b, uint64_t taken, unsigned calm) {
    unsigned level = wanted(s->level, b, taken);
    if (level >= s->level) {
        *s = (struct pressure_state){.level = level};
        return level;
    }
    s->calm_level = s->n_calm == 0 || level > s->calm_level ? level : s->calm_level;
    if (++s->n_calm >= calm)
        *s = (struct pressure_state){.level = s->calm_level};
    return s->level;
}

// ---- what holds now ----

// The doors that are shut, and above them the levels.
static atomic_uint published;

void pressure_publish(const unsigned levels[PRESSURE_N_CAUSES]) {
    unsigned word = 0;
    for (unsigned i = 0; i < PRESSURE_N_CAUSES; i++) {
        ASSERT(levels[i] <= PRESSURE_LEVEL_MAX);
        word |= pressure_doors((enum pressure_cause)i, levels[i]);
        word |= levels[i] << (DOOR_BITS + i * LEVEL_BITS);
    }
    atomic_store_explicit(&published, word, memory_order_relaxed);
}

bool pressure_shuts(enum pressure_door door) {
    return (atomic_load_explicit(&published, memory_order_relaxed) >> door & 1) != 0;
}

unsigned pressure_level(enum pressure_cause cause) {
    return atomic_load_explicit(&published, memory_order_relaxed) >> (DOOR_BITS + cause * LEVEL_BITS) & LEVEL_MASK;
}

bool pressure_passes_soon(void) {
    enum { CONNECTIONS_SHUT = PRESSURE_CONNECTIONS + 1 };
    return pressure_level(PRESSURE_LOAD) >= CONNECTIONS_SHUT && pressure_level(PRESSURE_MEMORY) < CONNECTIONS_SHUT &&
           pressure_level(PRESSURE_FILES) < CONNECTIONS_SHUT;
}

static const char *const door_names[PRESSURE_N_DOORS] = {
    [PRESSURE_ACCOUNTS] = "accounts",
    [PRESSURE_CONNECTIONS] = "connections",
    [PRESSURE_DELIVERIES] = "deliveries",
};
static struct metric_counter refusals =
    METRIC_COUNTER_BY("martlet_pressure_refusals", "Sent away for a while because of overload", "door", door_names);

bool pressure_refuses(enum pressure_door door) {
    bool shut = pressure_shuts(door);
    if (shut)
        metric_count(&refusals, door);
    return shut;
}

void pressure_metrics_register(void) {
    static struct metric *const all[] = {&refusals.metric};
    metrics_register(all, ARRAY_LEN(all));
}
