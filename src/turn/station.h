// SPDX-License-Identifier: MIT
// A loop's share of the TURN server: its sockets, the allocations of their clients, found by 5-tuple, and its copy of
// the policy. And what all loops of one server share. Private to turn/.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "net/loop.h"
#include "turn/nonce.h"
#include "turn/policy.h"
#include "turn/rate.h"
#include "turn/turn.h"

struct table;
struct turn_allocation;
struct turn_homes;
struct turn_machine;
struct turn_quota;
struct turn_reservations;
struct udp_socket;

enum { TURN_NONCE_SECRET_LEN = 32, TURN_SWEEP_MS = 1000 };

// Thread-safe, or constant while the loops run.
struct turn_shared {
    atomic_size_t users; // the server and its stations; the last one frees this
    char *realm;
    uint8_t secret[TURN_SECRET_LEN];
    uint8_t nonce_secret[TURN_NONCE_SECRET_LEN];
    struct turn_quota *quota;
    struct turn_homes *homes;
    struct turn_reservations *reservations;
    struct turn_shared_rate total;
    struct table *answers; // struct turn_rate by client address: what was answered without authentication
    atomic_size_t allocations;
    bool serves_ipv4, serves_ipv6;
    struct net_address bound_ipv4, bound_ipv6; // of sockets that are bound to one address; else all zero
};

// A socket that clients speak to.
struct turn_door {
    struct list link;
    struct turn_station *station;
    struct udp_socket *socket;
};

struct turn_station {
    struct loop *loop;
    struct turn_shared *shared;
    struct turn_policy policy;
    struct list doors;
    struct list allocations;
    struct turn_allocation **buckets; // by 5-tuple; NULL until the first allocation
    size_t n_buckets;                 // a power of two
    size_t n_allocations;
    uint64_t n_indications; // sent
    struct turn_machine *machine;
    struct loop_timer sweep; // runs while there is something that can expire
    bool sweeping;
    bool stopped;
};

void turn_shared_release(struct turn_shared *shared);

void turn_station_init(struct turn_station *s, struct loop *loop, struct turn_shared *shared,
                       const struct turn_policy *policy);
void turn_station_add_door(struct turn_station *s, int fd);
// In force from now on; allocations end when it is not enabled.
void turn_station_set_policy(struct turn_station *s, const struct turn_policy *policy);
// Ends all allocations and closes the doors.
void turn_station_stop(struct turn_station *s);
void turn_station_done(struct turn_station *s);

// Who speaks: the client's address and the one of ours that it spoke to (the 5-tuple; the protocol is always UDP).
struct turn_tuple {
    struct net_address client, local;
};

struct turn_allocation *turn_station_find(const struct turn_station *s, const struct turn_tuple *tuple);
void turn_station_insert(struct turn_station *s, struct turn_allocation *a);
void turn_station_remove(struct turn_station *s, struct turn_allocation *a);
// Starts the timer that lets things expire, if it is not running.
void turn_station_watch(struct turn_station *s);
// What that timer does; for tests with a clock of their own.
void turn_station_sweep(struct turn_station *s);

// May this address be a peer?
enum turn_verdict {
    TURN_PEER_FREE,
    TURN_PEER_OURS, // an address of this relay: at ports that are relayed
    TURN_PEER_FORBIDDEN,
};
enum turn_verdict turn_station_judge(struct turn_station *s, const struct turn_peer *peer, uint64_t now_ms);

// The address of ours that a new relayed socket of this family is bound to, for a client that spoke to `local`.
MUST_USE bool turn_station_home(const struct turn_station *s, const struct net_address *local, bool ipv4,
                                struct net_address *ret);

// The station of this loop.
struct turn_station *turn_server_station(const struct turn_server *s, const struct loop *loop);
