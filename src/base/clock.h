// SPDX-License-Identifier: MIT
// Time, in one place so that tests can set it.
#pragma once

#include <stdint.h>

// Monotonic time in microseconds / milliseconds since an arbitrary start.
uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);
// Wall clock, seconds since 1970-01-01 UTC.
int64_t clock_wall_s(void);
// The day number of the wall clock (seconds / 86400).
int64_t clock_wall_day(void);

// For tests: from now on the clocks stand still at these values; clock_use_real() ends that.
void clock_set_fake(uint64_t mono_us, int64_t wall_s);
void clock_use_real(void);
