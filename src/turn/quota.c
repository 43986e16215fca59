// SPDX-License-Identifier: MIT
#include "turn/quota.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/table.h"

// Entries exist while something is counted in them, so there are never more than allocations; the limit of the tables
// is beyond what one relay can have (two families, all ports, twice for uneven shards).
enum { ENTRIES_MAX = 4 * 65536 };

struct turn_quota {
    struct table *users, *addresses; // uint32_t: how many
    atomic_uint_least32_t total;
};

struct turn_quota *turn_quota_new(void) {
    struct turn_quota *q = MEM_NEW(struct turn_quota);
    q->users = table_new(sizeof(uint32_t), ENTRIES_MAX);
    q->addresses = table_new(sizeof(uint32_t), ENTRIES_MAX);
    return q;
}

void turn_quota_free(struct turn_quota *q) {
    if (q == NULL)
        return;
    table_free(q->users);
    table_free(q->addresses);
    free(q);
}

static bool raise_count(struct table *t, struct hash128 key, uint32_t limit) {
    uint32_t *count = table_lock(t, key, true, NULL);
    if (count == NULL)
        return false;
    bool ok = *count < limit;
    if (ok)
        ++*count;
    if (*count > 0)
        table_pin(t, key, true);
    else
        table_remove(t, key);
    table_unlock(t, key);
    return ok;
}

static void lower_count(struct table *t, struct hash128 key) {
    uint32_t *count = table_lock(t, key, false, NULL);
    ASSERT(count != NULL && *count > 0);
    if (--*count == 0)
        table_remove(t, key);
    table_unlock(t, key);
}

bool turn_quota_enter(struct turn_quota *q, const struct turn_quota_limits *limits, struct slice username,
                      const struct net_address *client, struct turn_quota_ticket *ret) {
    struct turn_quota_ticket ticket = {hash_keyed(username.ptr, username.len), net_address_limit_key(client)};
    if (atomic_fetch_add(&q->total, 1) >= limits->total) {
        atomic_fetch_sub(&q->total, 1);
        return false;
    }
    bool ok = raise_count(q->users, ticket.user, limits->per_user);
    if (ok && !raise_count(q->addresses, ticket.address, limits->per_address)) {
        lower_count(q->users, ticket.user);
        ok = false;
    }
    if (!ok) {
        atomic_fetch_sub(&q->total, 1);
        return false;
    }
    *ret = ticket;
    return true;
}

void turn_quota_leave(struct turn_quota *q, const struct turn_quota_ticket *ticket) {
    lower_count(q->users, ticket->user);
    lower_count(q->addresses, ticket->address);
    atomic_fetch_sub(&q->total, 1);
}

size_t turn_quota_total(const struct turn_quota *q) {
    return atomic_load(&q->total);
}
