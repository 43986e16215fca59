// SPDX-License-Identifier: MIT
#include "turn/rate.h"

enum { NS_PER_S = 1000 * 1000 * 1000 };

// The new time at which the bucket is full, or 0 when it holds too little.
static uint64_t after_taking(uint64_t full_at_ns, uint64_t octets, uint64_t per_second, uint64_t now_us) {
    uint64_t now = now_us * 1000;
    uint64_t from = full_at_ns > now ? full_at_ns : now;
    uint64_t to = from + octets * NS_PER_S / per_second;
    return to - now <= NS_PER_S ? to : 0;
}

bool turn_rate_take(struct turn_rate *r, uint64_t octets, uint64_t per_second, uint64_t now_us) {
    if (per_second == 0)
        return true;
    uint64_t to = after_taking(r->full_at_ns, octets, per_second, now_us);
    if (to == 0)
        return false;
    r->full_at_ns = to;
    return true;
}

bool turn_shared_rate_take(struct turn_shared_rate *r, uint64_t octets, uint64_t per_second, uint64_t now_us) {
    if (per_second == 0)
        return true;
    uint64_t seen = atomic_load_explicit(&r->full_at_ns, memory_order_relaxed);
    for (;;) {
        uint64_t to = after_taking(seen, octets, per_second, now_us);
        if (to == 0)
            return false;
        if (atomic_compare_exchange_weak_explicit(&r->full_at_ns, &seen, to, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
}
