// SPDX-License-Identifier: MIT
#include "intake/id_map.h"

#include <stdbool.h>

#include "base/mem.h"

enum { SLOTS_MIN = 8 };

// Fibonacci hashing: consecutive ids spread over all slots.
static size_t home_of(const struct id_map *m, uint64_t id) {
    return (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (m->n_slots - 1);
}

// The slot that holds `id`, or the empty one where it belongs.
static struct id_map_slot *probe(const struct id_map *m, uint64_t id) {
    size_t i = home_of(m, id);
    while (m->slots[i].id != 0 && m->slots[i].id != id)
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

static void resize(struct id_map *m, size_t n_slots) {
    struct id_map old = *m;
    m->slots = mem_zalloc(n_slots, sizeof(*m->slots));
    m->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].id != 0)
            *probe(m, old.slots[i].id) = old.slots[i];
    free(old.slots);
}

void id_map_done(struct id_map *m) {
    free(m->slots);
    *m = (struct id_map){0};
}

struct id_map_slot *id_map_find(const struct id_map *m, uint64_t id) {
    if (m->n_used == 0)
        return NULL;
    struct id_map_slot *s = probe(m, id);
    return s->id == id ? s : NULL;
}

struct id_map_slot *id_map_add(struct id_map *m, uint64_t id) {
    ASSERT(id != 0);
    struct id_map_slot *found = id_map_find(m, id);
    if (found != NULL)
        return found;
    // At most three quarters full: runs stay short and an empty slot always ends a search.
    if ((m->n_used + 1) * 4 > m->n_slots * 3)
        resize(m, m->n_slots > 0 ? m->n_slots * 2 : SLOTS_MIN);
    struct id_map_slot *s = probe(m, id);
    *s = (struct id_map_slot){.id = id};
    m->n_used++;
    return s;
}

// Closes the gap at `hole` by moving back what would not be found any more (Knuth, 6.4, algorithm R): no tombstones.
static void close_gap(struct id_map *m, size_t hole) {
    size_t mask = m->n_slots - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].id != 0; i = (i + 1) & mask) {
        size_t home = home_of(m, m->slots[i].id);
        bool reachable_without_hole = ((i - home) & mask) < ((i - hole) & mask);
        if (reachable_without_hole)
            continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct id_map_slot){0};
}

void id_map_remove(struct id_map *m, uint64_t id) {
    struct id_map_slot *s = id_map_find(m, id);
    if (s == NULL)
        return;
    close_gap(m, (size_t)(s - m->slots));
    m->n_used--;
    if (m->n_used == 0)
        id_map_done(m);
    else if (m->n_slots > SLOTS_MIN && m->n_used * 8 < m->n_slots)
        resize(m, m->n_slots / 2);
}
