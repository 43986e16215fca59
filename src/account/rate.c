// SPDX-License-Identifier: MIT
#include "account/rate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"

enum { SENDERS_MAX = 65536, CLIENTS_MAX = 65536, GRANTS_MAX = 4096, OFFERS_MAX = 65536 };
enum { OFFERS_PER_SECOND = 2, OFFERS_BURST = 5 };
static const uint64_t second_us = 1000000;
static const uint64_t grant_us = 60 * 1000000ULL;

struct account_rates {
    struct table *senders, *clients; // uint64_t: the theoretical arrival time, in microseconds
    struct table *offers;            // uint64_t: the same, of clients
    struct table *grants;            // uint64_t: when creation of this address was granted last
};

struct account_rates *account_rates_new(void) {
    struct account_rates *r = MEM_NEW(struct account_rates);
    r->senders = table_new(sizeof(uint64_t), SENDERS_MAX);
    r->clients = table_new(sizeof(uint64_t), CLIENTS_MAX);
    r->offers = table_new(sizeof(uint64_t), OFFERS_MAX);
    r->grants = table_new(sizeof(uint64_t), GRANTS_MAX);
    return r;
}

void account_rates_free(struct account_rates *r) {
    if (r == NULL)
        return;
    table_free(r->senders);
    table_free(r->clients);
    table_free(r->offers);
    table_free(r->grants);
    free(r);
}

// Takes one unit. Returns 0, or the microseconds until one would be granted; nothing is taken then.
static uint64_t take(struct table *t, struct hash128 key, uint64_t interval_us, uint32_t burst) {
    uint64_t now = clock_mono_us(), wait = 0;
    uint64_t tolerance = interval_us * (burst - 1);
    uint64_t *arrival = table_lock(t, key, true, NULL);
    if (arrival == NULL)
        return 0; // cannot be: nothing in these tables is pinned
    uint64_t expected = *arrival > now ? *arrival : now;
    if (expected - now > tolerance)
        wait = expected - now - tolerance;
    else
        *arrival = expected + interval_us;
    table_unlock(t, key);
    return wait;
}

static uint32_t to_seconds(uint64_t us) {
    return (uint32_t)((us + second_us - 1) / second_us);
}

bool account_rates_take_send(struct account_rates *r, uint64_t account_id, uint32_t per_minute, uint32_t burst,
                             uint32_t *ret_wait_s) {
    ASSERT(per_minute > 0 && burst > 0);
    struct hash128 key = hash_keyed(&account_id, sizeof(account_id));
    uint64_t wait = take(r->senders, key, 60 * second_us / per_minute, burst);
    if (wait > 0)
        *ret_wait_s = to_seconds(wait);
    return wait == 0;
}

bool account_rates_take_offer(struct account_rates *r, struct hash128 client, uint32_t *ret_wait_s) {
    uint64_t wait = take(r->offers, client, second_us / OFFERS_PER_SECOND, OFFERS_BURST);
    if (wait > 0)
        *ret_wait_s = to_seconds(wait);
    return wait == 0;
}

bool account_rates_take_creation(struct account_rates *r, struct hash128 client, struct slice address,
                                 uint32_t per_hour) {
    if (per_hour == 0)
        return true;
    struct hash128 key = hash_keyed(address.ptr, address.len);
    bool is_new;
    uint64_t *granted_at = table_lock(r->grants, key, true, &is_new);
    ASSERT(granted_at != NULL);
    uint64_t now = clock_mono_us();
    bool ok = true;
    if (is_new || now - *granted_at > grant_us) {
        // Both locks are held, grants first; nobody takes them the other way round.
        ok = take(r->clients, client, 3600 * second_us / per_hour, per_hour) == 0;
        if (ok)
            *granted_at = now;
        else
            table_remove(r->grants, key);
    }
    table_unlock(r->grants, key);
    return ok;
}
