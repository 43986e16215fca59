// SPDX-License-Identifier: MIT
// Who is alive: one thread asks, each member answers when it comes by the place where it takes its work. A member that
// is stuck in its work does not come by. Lock-free; nothing is allocated.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rollcall {
    _Atomic uint32_t round; // 0: nobody was asked yet
    _Atomic uint32_t answered;
    uint32_t n_members;
};

// Nobody is asked yet: complete.
static inline void rollcall_init(struct rollcall *r, uint32_t n_members) {
    *r = (struct rollcall){.n_members = n_members};
    atomic_init(&r->answered, n_members);
}

static inline bool rollcall_is_complete(const struct rollcall *r) {
    return atomic_load_explicit(&r->answered, memory_order_acquire) == r->n_members;
}

// Asks everybody; by one thread alone. Without effect while a member still owes its answer.
static inline void rollcall_begin(struct rollcall *r) {
    if (!rollcall_is_complete(r))
        return;
    atomic_store_explicit(&r->answered, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->round, 1, memory_order_release);
}

// A member comes by. `*seen` is its own memory, 0 at first.
static inline void rollcall_answer(struct rollcall *r, uint32_t *seen) {
    uint32_t round = atomic_load_explicit(&r->round, memory_order_acquire);
    if (*seen == round)
        return;
    *seen = round;
    atomic_fetch_add_explicit(&r->answered, 1, memory_order_release);
}
