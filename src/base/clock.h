// SPDX-License-Identifier: MIT
// Time, in one place so that tests can set it.
#pragma once

#include <stdint.h>

// Monotonic time in microseconds / milliseconds since an arbitrary start.
uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);
// Wall clock, seconds since 1970-01-01 UTC.
int64_t clock_wall_s(void);
// The same in milliseconds.
int64_t clock_wall_ms(void);
// The day number of the wall clock (seconds / 86400).
int64_t clock_wall_day(void);

// For tests: from now on the clocks stand still at these values; clock_use_real() ends that. What is finer than a
// second of the wall clock is that of the monotonic one.
void clock_set_fake(uint64_t mono_us, int64_t wall_s);
void clock_use_real(void);
