// SPDX-License-Identifier: MIT
#include "turn/station.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "net/udp.h"
#include "turn/allocation.h"
#include "turn/clients.h"
#include "turn/homes.h"
#include "turn/machine.h"
#include "turn/reservation.h"

enum { BUCKETS_FIRST = 64 };

// ---- shared by stations ----

void turn_shared_release(struct turn_shared *shared) {
    if (atomic_fetch_sub(&shared->users, 1) > 1)
        return;
    turn_reservations_free(shared->reservations);
    turn_homes_free(shared->homes);
    turn_quota_free(shared->quota);
    table_free(shared->answers);
    free(shared->realm);
    free(shared);
}

// ---- start and end ----

static void on_sweep(struct loop_timer *timer) {
    struct turn_station *s = CONTAINER_OF(timer, struct turn_station, sweep);
    turn_station_sweep(s);
}

void turn_station_init(struct turn_station *s, struct loop *loop, struct turn_shared *shared,
                       const struct turn_policy *policy) {
    *s = (struct turn_station){.loop = loop, .shared = shared, .policy = *policy, .machine = turn_machine_new()};
    list_init(&s->doors);
    list_init(&s->allocations);
    loop_timer_init(&s->sweep, loop, on_sweep);
    atomic_fetch_add(&shared->users, 1);
}

void turn_station_add_door(struct turn_station *s, int fd) {
    struct turn_door *door = MEM_NEW(struct turn_door);
    door->station = s;
    door->socket = udp_socket_new(s->loop, fd, UDP_BORROWED, turn_clients_on_datagrams, door);
    list_append(&s->doors, &door->link);
}

static void end_allocations(struct turn_station *s) {
    LIST_FOREACH(node, &s->allocations)
    turn_allocation_free(CONTAINER_OF(node, struct turn_allocation, link));
}

void turn_station_set_policy(struct turn_station *s, const struct turn_policy *policy) {
    s->policy = *policy;
    if (!policy->enabled)
        end_allocations(s);
}

void turn_station_stop(struct turn_station *s) {
    s->stopped = true;
    end_allocations(s);
    LIST_FOREACH(node, &s->doors) {
        struct turn_door *door = CONTAINER_OF(node, struct turn_door, link);
        list_remove(&door->link);
        udp_socket_free(door->socket);
        free(door);
    }
    loop_timer_stop(&s->sweep);
}

void turn_station_done(struct turn_station *s) {
    turn_station_stop(s);
    loop_timer_done(&s->sweep);
    turn_machine_free(s->machine);
    free(s->buckets);
    s->machine = NULL;
    s->buckets = NULL;
    turn_shared_release(s->shared);
}

// ---- allocations by 5-tuple ----

static uint64_t hash_of(const struct turn_tuple *tuple) {
    return hash_keyed(tuple, sizeof(*tuple)).lo;
}

static void grow(struct turn_station *s) {
    size_t n = s->n_buckets == 0 ? BUCKETS_FIRST : 2 * s->n_buckets;
    struct turn_allocation **buckets = mem_zalloc(n, sizeof(struct turn_allocation *));
    LIST_FOREACH(node, &s->allocations) {
        struct turn_allocation *a = CONTAINER_OF(node, struct turn_allocation, link);
        a->next_in_bucket = buckets[a->hash & (n - 1)];
        buckets[a->hash & (n - 1)] = a;
    }
    free(s->buckets);
    s->buckets = buckets;
    s->n_buckets = n;
}

struct turn_allocation *turn_station_find(const struct turn_station *s, const struct turn_tuple *tuple) {
    if (s->n_allocations == 0)
        return NULL;
    uint64_t hash = hash_of(tuple);
    struct turn_allocation *a = s->buckets[hash & (s->n_buckets - 1)];
    while (a != NULL && (a->hash != hash || memcmp(&a->tuple, tuple, sizeof(*tuple)) != 0))
        a = a->next_in_bucket;
    return a;
}

void turn_station_insert(struct turn_station *s, struct turn_allocation *a) {
    if (s->n_allocations == s->n_buckets)
        grow(s);
    a->hash = hash_of(&a->tuple);
    struct turn_allocation **bucket = &s->buckets[a->hash & (s->n_buckets - 1)];
    a->next_in_bucket = *bucket;
    *bucket = a;
    list_append(&s->allocations, &a->link);
    s->n_allocations++;
    atomic_fetch_add(&s->shared->allocations, 1);
    turn_station_watch(s);
}

void turn_station_remove(struct turn_station *s, struct turn_allocation *a) {
    struct turn_allocation **link = &s->buckets[a->hash & (s->n_buckets - 1)];
    while (*link != a)
        link = &(*link)->next_in_bucket;
    *link = a->next_in_bucket;
    list_remove(&a->link);
    s->n_allocations--;
    atomic_fetch_sub(&s->shared->allocations, 1);
}

// ---- what expires ----

void turn_station_watch(struct turn_station *s) {
    if (!s->sweeping)
        loop_timer_start(&s->sweep, TURN_SWEEP_MS);
    s->sweeping = true;
}

void turn_station_sweep(struct turn_station *s) {
    uint64_t now_ms = clock_mono_ms();
    LIST_FOREACH(node, &s->allocations) {
        struct turn_allocation *a = CONTAINER_OF(node, struct turn_allocation, link);
        if (a->expires_ms <= now_ms)
            turn_allocation_free(a);
    }
    size_t reserved = turn_reservations_expire(s->shared->reservations, now_ms);
    s->sweeping = false;
    if (!s->stopped && (s->n_allocations > 0 || reserved > 0))
        turn_station_watch(s);
}

// ---- addresses ----

static bool is_same_ip(const struct net_address *a, const struct net_address *b) {
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static const struct net_address *bound_of(const struct turn_station *s, bool ipv4) {
    return ipv4 ? &s->shared->bound_ipv4 : &s->shared->bound_ipv6;
}

static bool is_home(const struct turn_station *s, const struct net_address *a) {
    return turn_policy_is_external(&s->policy, a) || turn_homes_has(s->shared->homes, a);
}

// The operator's list makes an address a peer that the rules refuse. It is meant for the peers in a network, and not
// for this machine, which is in it, too: what is ours is judged by ports, so that two clients of a relay in a
// laboratory reach each other. Only loopback is nothing but ours, and is taken at its word.
enum turn_verdict turn_station_judge(struct turn_station *s, const struct turn_peer *peer, uint64_t now_ms) {
    const struct net_address *address = &peer->address;
    struct net_address carried;
    bool is_listed = turn_peer_is_listed(&s->policy.rules, peer);
    if (is_listed && net_address_is_loopback(address))
        return TURN_PEER_FREE;
    if (peer->ipv6 == net_address_is_ipv4(address))
        return TURN_PEER_FORBIDDEN; // IPv4 in the clothes of IPv6
    if (is_home(s, address))
        return TURN_PEER_OURS;
    if (!turn_peer_is_allowed(&s->policy.rules, peer))
        return TURN_PEER_FORBIDDEN;
    if (turn_machine_owns(s->machine, address, now_ms))
        return is_listed ? TURN_PEER_OURS : TURN_PEER_FORBIDDEN;
    // A translator or tunnel on the way would send it back to us.
    if (turn_peer_carries(peer, &carried) && (is_home(s, &carried) || turn_machine_owns(s->machine, &carried, now_ms)))
        return TURN_PEER_FORBIDDEN;
    return TURN_PEER_FREE;
}

bool turn_station_home(const struct turn_station *s, const struct net_address *local, bool ipv4,
                       struct net_address *ret) {
    if (net_address_is_ipv4(local) == ipv4) {
        *ret = *local;
        return true;
    }
    if (ipv4 ? !s->shared->serves_ipv4 : !s->shared->serves_ipv6)
        return false;
    if (!net_address_is_none(bound_of(s, ipv4))) {
        *ret = *bound_of(s, ipv4);
        return true;
    }
    struct turn_peer source = {.ipv6 = !ipv4};
    if (!turn_machine_source(ipv4, &source.address))
        return false;
    // A private address is of use to nobody, unless it stands behind an external one.
    struct net_address shown = turn_policy_shown(&s->policy, &source.address);
    if (is_same_ip(&shown, &source.address) && !turn_peer_is_allowed(&s->policy.rules, &source))
        return false;
    *ret = source.address;
    return true;
}
