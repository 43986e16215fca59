// SPDX-License-Identifier: MIT
// Token buckets in one number (the generic cell rate algorithm): the time at which the bucket will be full again. It
// holds what flows in one second. A zeroed one is full.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

struct turn_rate {
    uint64_t full_at_ns;
};

// The same for several threads.
struct turn_shared_rate {
    _Atomic uint64_t full_at_ns;
};

// Takes that many octets, or none when there are too few. per_second 0: no limit.
MUST_USE bool turn_rate_take(struct turn_rate *r, uint64_t octets, uint64_t per_second, uint64_t now_us);
MUST_USE bool turn_shared_rate_take(struct turn_shared_rate *r, uint64_t octets, uint64_t per_second, uint64_t now_us);
