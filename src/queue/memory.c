// SPDX-License-Identifier: MIT
#include "queue/memory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"

struct memory {
    struct table *table; // name -> monotonic time at which it is forgotten
    uint64_t for_ms;
};

struct memory *memory_new(size_t max_names, uint64_t for_ms) {
    struct memory *m = MEM_NEW(struct memory);
    m->table = table_new(sizeof(uint64_t), max_names);
    m->for_ms = for_ms;
    return m;
}

void memory_free(struct memory *m) {
    if (m == NULL)
        return;
    table_free(m->table);
    free(m);
}

void memory_remember(struct memory *m, const char *name) {
    struct hash128 key = hash_keyed(name, strlen(name));
    uint64_t *until = table_lock(m->table, key, true, NULL);
    if (until == NULL)
        return;
    *until = clock_mono_ms() + m->for_ms;
    table_unlock(m->table, key);
}

void memory_forget(struct memory *m, const char *name) {
    struct hash128 key = hash_keyed(name, strlen(name));
    if (table_lock(m->table, key, false, NULL) == NULL)
        return;
    table_remove(m->table, key);
    table_unlock(m->table, key);
}

bool memory_has(struct memory *m, const char *name) {
    struct hash128 key = hash_keyed(name, strlen(name));
    uint64_t *until = table_lock(m->table, key, false, NULL);
    if (until == NULL)
        return false;
    bool has = clock_mono_ms() < *until;
    if (!has)
        table_remove(m->table, key);
    table_unlock(m->table, key);
    return has;
}
