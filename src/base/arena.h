// SPDX-License-Identifier: MIT
// An arena: many small allocations, freed together. Two uses: a session's arena that its connection owns, and a scratch
// arena that is reset after each command or message. Not for sizes a peer controls beyond the arena's maximum.
#pragma once

#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    size_t used; // octets handed out since the last reset
    size_t max;  // used never exceeds this
};

void arena_init(struct arena *a, size_t max);
// Frees everything, keeps no memory. A zeroed arena is accepted. The arena can be used again.
void arena_reset(struct arena *a);

// Zeroed memory aligned for any object, valid until arena_reset(). NULL when the maximum would be exceeded.
MUST_USE void *arena_alloc(struct arena *a, size_t size);
// A copy of s with a terminating NUL (not counted in the returned slice). ret.ptr is NULL when the maximum would be
// exceeded.
MUST_USE struct slice arena_copy(struct arena *a, struct slice s);
