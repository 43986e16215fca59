// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static atomic_bool fake;
static _Atomic uint64_t fake_mono_us;
static _Atomic int64_t fake_wall_s;

uint64_t clock_mono_us(void) {
    if (atomic_load_explicit(&fake, memory_order_relaxed))
        return atomic_load(&fake_mono_us);
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void) {
    return clock_mono_us() / 1000;
}

int64_t clock_wall_s(void) {
    if (atomic_load_explicit(&fake, memory_order_relaxed))
        return atomic_load(&fake_wall_s);
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

int64_t clock_wall_ms(void) {
    if (atomic_load_explicit(&fake, memory_order_relaxed))
        return atomic_load(&fake_wall_s) * 1000 + (int64_t)(atomic_load(&fake_mono_us) / 1000 % 1000);
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_day(void) {
    return clock_wall_s() / 86400;
}

void clock_set_fake(uint64_t mono_us, int64_t wall_s) {
    atomic_store(&fake_mono_us, mono_us);
    atomic_store(&fake_wall_s, wall_s);
    atomic_store(&fake, true);
}

void clock_use_real(void) {
    atomic_store(&fake, false);
}
