// SPDX-License-Identifier: MIT
#include "martlet/trim.h"

#include <malloc.h>

enum { WORTH_IT = 512 * 1024 };

void trim_if_due(struct trim *t, uint64_t now_ms, uint64_t every_ms) {
    if (now_ms - t->looked_ms < every_ms)
        return;
    t->looked_ms = now_ms;
    // Counts what was given back as free too, so it stands still while nothing happens.
    size_t free_now = mallinfo2().fordblks;
    size_t change = free_now > t->free_then ? free_now - t->free_then : t->free_then - free_now;
    if (change < WORTH_IT)
        return;
    (void)malloc_trim(0);
    t->free_then = mallinfo2().fordblks;
}
