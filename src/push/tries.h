// SPDX-License-Identifier: MIT
// When a token is tried again: 8^n seconds after its n-th failure and up to an eighth more by chance, so that what
// failed together does not come back together; never sooner. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The wall-clock time in milliseconds of the next try after `tries` failures (at least one), the last of them at `now`;
// 0: there is none any more. `asked` is when the delivery asked for it, `chance` a random number.
int64_t tries_next(uint32_t tries, int64_t asked, int64_t now, uint64_t chance);
// It has waited so long that it is not tried any more.
bool tries_is_late(int64_t asked, int64_t now);
