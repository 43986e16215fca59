// SPDX-License-Identifier: MIT
// Days since 1970 as people write them (ISO 8601).
#pragma once

#include <stdint.h>

enum { CONTROL_DAY_SIZE = 32 };

// "2026-11-21"; "" for what no calendar has.
void control_day_write(int64_t day, char ret[CONTROL_DAY_SIZE]);
