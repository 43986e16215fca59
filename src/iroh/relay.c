// SPDX-License-Identifier: MIT
#include "iroh/relay.h"

#include "base/mem.h"
#include "base/table.h"
#include "iroh/counters.h"
#include "iroh/directory.h"
#include "net/listener.h"

enum { ADDRESSES_MAX = 64 * 1024 }; // remembered for their rate; what was longest unused is forgotten

struct iroh_relay *iroh_relay_new(const struct iroh_settings *s) {
    ASSERT(s->n_loops > 0);
    iroh_counters_init();
    struct iroh_relay *r = mem_zalloc(1, sizeof(*r) + s->n_loops * sizeof(r->shares[0]));
    r->directory = iroh_directory_new();
    r->limits = conn_limits_new(1, 1);
    r->arrivals = table_new(sizeof(uint64_t), ADDRESSES_MAX);
    r->n_shares = s->n_loops;
    for (size_t i = 0; i < s->n_loops; i++)
        iroh_share_init(&r->shares[i], r, s->loops[i], i);
    iroh_relay_set_limits(r, &s->limits);
    return r;
}

void iroh_relay_set_limits(struct iroh_relay *r, const struct iroh_limits *limits) {
    conn_limits_set(r->limits, limits->max_connections, limits->connections_per_address);
    atomic_store(&r->is_on, limits->is_on);
    atomic_store(&r->is_on_http, limits->is_on_http);
    atomic_store(&r->relay_only, limits->relay_only);
    atomic_store(&r->bandwidth, limits->bandwidth);
}

void iroh_relay_free(struct iroh_relay *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_shares; i++)
        iroh_share_done(&r->shares[i]);
    iroh_directory_free(r->directory);
    conn_limits_free(r->limits);
    table_free(r->arrivals);
    free(r);
}

struct iroh_share *iroh_relay_share(struct iroh_relay *r, const struct loop *loop) {
    for (size_t i = 0; i < r->n_shares; i++)
        if (r->shares[i].loop == loop)
            return &r->shares[i];
    UNREACHABLE();
}
