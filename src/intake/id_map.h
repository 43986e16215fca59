// SPDX-License-Identifier: MIT
// A map from numbers (ids of mailboxes) to numbers or pointers: open addressing with linear probing. Ids are ours,
// given in sequence, so nobody outside can aim at one slot. Not locked: its owner does that.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct id_map_slot {
    uint64_t id; // 0: empty
    union {
        uint64_t bits;
        void *ptr;
    } value;
};

// Zeroed is an empty map. Memory follows the number of entries, down as well as up.
struct id_map {
    struct id_map_slot *slots;
    size_t n_slots; // 0 or a power of two
    size_t n_used;
};

void id_map_done(struct id_map *m);
// The entry of `id`, or NULL. Valid until the next id_map_add() or id_map_remove().
MUST_USE struct id_map_slot *id_map_find(const struct id_map *m, uint64_t id);
// The entry of `id`, added with a zero value when it is not there. `id` is not 0.
MUST_USE struct id_map_slot *id_map_add(struct id_map *m, uint64_t id);
// Harmless when it is not there.
void id_map_remove(struct id_map *m, uint64_t id);
