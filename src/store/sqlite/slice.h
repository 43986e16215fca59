// SPDX-License-Identifier: MIT
// The budget of one slice of erasing on the writer: mail that comes meanwhile waits for at most this.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "store/expiry_ops.h"

struct slice_budget {
    uint64_t began_us, octets;
    size_t n;
};

static inline struct slice_budget slice_budget_new(void) {
    return (struct slice_budget){.began_us = clock_mono_us()};
}

// Counts one message that was erased. False: it was the last one of the slice. Erasing a body in the database writes
// zeros over it; one in a file is an unlink after the commit, whatever its size. The clock has no say over the first
// few: a slow or busy machine would otherwise make a commit, which costs more than they do, for each.
static inline bool slice_budget_take(struct slice_budget *b, uint64_t octets) {
    enum { FILE_OCTETS = 4096, INLINE_MAX = 64 * 1024, LEAST = 8 };
    b->octets += octets <= INLINE_MAX ? octets : FILE_OCTETS;
    return ++b->n < STORE_EXPIRY_SLICE_MAX && b->octets < STORE_EXPIRY_SLICE_OCTETS &&
           (b->n < LEAST || clock_mono_us() - b->began_us < STORE_EXPIRY_SLICE_US);
}
