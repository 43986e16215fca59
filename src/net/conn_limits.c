// SPDX-License-Identifier: MIT
// Counts of open connections: one for all, one for each client address. The counts of addresses are pinned in their
// table while they are above zero and leave it after that. A peer without an address (a UNIX socket) has no share.
#include <stdatomic.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "net/conn_internal.h"
#include "net/listener.h"

enum {
    SLACK_MIN = 16,             // at least so many over a limit are let in to be told
    ADDRESSES_MAX = 256 * 1024, // the table grows with use only
};

struct conn_limits {
    atomic_uint max_total;
    atomic_uint max_per_address;
    atomic_uint total;
    _Atomic uint64_t entered, left; // since the start
    struct table *by_address;       // of uint32_t
};

static const char *const over_values[] = {"total", "address", "far-over"};
enum { OVER_TOTAL, OVER_ADDRESS, FAR_OVER };
static struct metric_counter over = METRIC_COUNTER_BY(
    "martlet_connections_over_limit", "Connections over a limit, refused with or without a word", "limit", over_values);
static struct metric *const metrics[] = {&over.metric};

struct conn_limits *conn_limits_new(uint32_t max_total, uint32_t max_per_address) {
    struct conn_limits *l = MEM_NEW(struct conn_limits);
    metrics_register(metrics, ARRAY_LEN(metrics));
    l->by_address = table_new(sizeof(uint32_t), ADDRESSES_MAX);
    conn_limits_set(l, max_total, max_per_address);
    return l;
}

void conn_limits_set(struct conn_limits *l, uint32_t max_total, uint32_t max_per_address) {
    atomic_store(&l->max_total, max_total);
    atomic_store(&l->max_per_address, max_per_address);
}

void conn_limits_free(struct conn_limits *l) {
    if (l == NULL)
        return;
    ASSERT(atomic_load(&l->total) == 0);
    table_free(l->by_address);
    free(l);
}

static bool is_far_over(uint32_t n, uint32_t max) {
    uint32_t slack = max / 10 > SLACK_MIN ? max / 10 : SLACK_MIN;
    return n > max && n - max > slack;
}

// Counts the address in; 0 when it is far over its share, or there is no room to count it.
static uint32_t enter_address(struct conn_limits *l, struct hash128 key, uint32_t max) {
    uint32_t *count = table_lock(l->by_address, key, true, NULL);
    if (count == NULL)
        return 0;
    uint32_t n = *count + 1;
    bool refused = is_far_over(n, max);
    if (!refused) {
        *count = n;
        table_pin(l->by_address, key, true);
    } else if (*count == 0) {
        table_remove(l->by_address, key);
    }
    table_unlock(l->by_address, key);
    return refused ? 0 : n;
}

bool conn_limits_enter(struct conn_limits *l, const struct net_address *peer, enum conn_admission *ret) {
    uint32_t max_total = atomic_load(&l->max_total);
    uint32_t total = atomic_fetch_add(&l->total, 1) + 1;
    uint32_t max_here = atomic_load(&l->max_per_address);
    uint32_t here = 0;
    if (!is_far_over(total, max_total))
        here = net_address_is_none(peer) ? 1 : enter_address(l, net_address_limit_key(peer), max_here);
    if (here == 0) {
        atomic_fetch_sub(&l->total, 1);
        metric_count(&over, FAR_OVER);
        return false;
    }
    atomic_fetch_add_explicit(&l->entered, 1, memory_order_relaxed);
    if (total > max_total)
        *ret = CONN_TOO_MANY;
    else
        *ret = here > max_here && !net_address_is_none(peer) ? CONN_TOO_MANY_FROM_ADDRESS : CONN_ADMITTED;
    if (*ret != CONN_ADMITTED)
        metric_count(&over, *ret == CONN_TOO_MANY ? OVER_TOTAL : OVER_ADDRESS);
    return true;
}

static void leave_address(struct conn_limits *l, struct hash128 key) {
    uint32_t *count = table_lock(l->by_address, key, false, NULL);
    ASSERT(count != NULL && *count > 0);
    if (--*count == 0)
        table_remove(l->by_address, key);
    table_unlock(l->by_address, key);
}

void conn_limits_leave(struct conn_limits *l, const struct net_address *peer) {
    if (!net_address_is_none(peer))
        leave_address(l, net_address_limit_key(peer));
    atomic_fetch_sub(&l->total, 1);
    atomic_fetch_add_explicit(&l->left, 1, memory_order_relaxed);
}

void conn_limits_read(struct conn_limits *l, uint32_t *ret_open, uint32_t *ret_max) {
    *ret_open = atomic_load(&l->total);
    *ret_max = atomic_load(&l->max_total);
}

uint64_t conn_limits_entered(struct conn_limits *l) {
    return atomic_load_explicit(&l->entered, memory_order_relaxed);
}

uint64_t conn_limits_left(struct conn_limits *l) {
    return atomic_load_explicit(&l->left, memory_order_relaxed);
}
