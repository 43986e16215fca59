// SPDX-License-Identifier: MIT
#include "push/recent.h"

#include "base/mem.h"
#include "base/table.h"
#include "push/push.h"

struct request {
    int64_t started_ms;
    enum recent_outcome outcome;
};

struct recent {
    struct table *table; // number of the token -> struct request
};

struct recent *recent_new(size_t max_tokens) {
    struct recent *r = MEM_NEW(struct recent);
    r->table = table_new(sizeof(struct request), max_tokens);
    return r;
}

void recent_free(struct recent *r) {
    if (r == NULL)
        return;
    table_free(r->table);
    free(r);
}

static struct hash128 key_of(uint64_t token_id) {
    return hash_keyed(&token_id, sizeof(token_id));
}

void recent_remember(struct recent *r, uint64_t token_id, int64_t started_ms, enum recent_outcome outcome) {
    struct hash128 key = key_of(token_id);
    struct request *last = table_lock(r->table, key, true, NULL);
    if (last == NULL)
        return;
    *last = (struct request){started_ms, outcome};
    table_unlock(r->table, key);
}

enum recent_outcome recent_find(struct recent *r, uint64_t token_id, int64_t asked_ms, int64_t *ret_covered_ms) {
    struct hash128 key = key_of(token_id);
    const struct request *found = table_lock(r->table, key, false, NULL);
    if (found == NULL)
        return RECENT_NONE;
    struct request last = *found;
    table_unlock(r->table, key);
    // What was asked for long before is not what it looks like: the clock was put back.
    if (asked_ms > last.started_ms + PUSH_COVERS_MS || asked_ms < last.started_ms - PUSH_COVERS_MS)
        return RECENT_NONE;
    *ret_covered_ms = last.started_ms + PUSH_COVERS_MS;
    return last.outcome;
}
