// SPDX-License-Identifier: MIT
// What other loops may know of a client: where it lives, whether it is the one to get what is sent to its key, and how
// much is on its way to it. Counted references; it outlives its session as long as somebody has a packet for it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/panic.h"
#include "iroh/frame.h"
#include "net/loop.h"

struct iroh_session;
struct iroh_share;

enum {
    IROH_WAITING_MAX = 512, // packets for a client
    IROH_WAITING_OCTETS_MAX = 1024 * 1024,
};

enum iroh_standing {
    IROH_ACTIVE,
    IROH_INACTIVE, // dialect B: a newer connection has its key
    IROH_REPLACED, // to be closed: dialect A for the same reason, dialect B when too many wait behind a newer one
    IROH_GONE,     // it has left the directory
};

struct iroh_client {
    struct iroh_share *home;
    enum iroh_dialect dialect;
    uint8_t key[IROH_KEY_LEN];
    struct hash128 hash; // of key and family
    atomic_uint refs;
    _Atomic(enum iroh_standing) standing; // written under the lock of the directory
    atomic_uint crossing;                 // packets on their way here from other loops
    atomic_size_t crossing_octets;
    // What waits at home, said by home for other loops.
    atomic_uint waiting;
    atomic_size_t waiting_octets;
    atomic_bool is_told; // `tell` has been posted
    struct loop_task tell;
    struct iroh_session *session; // of home's thread alone; NULL: it has ended
};

// With one reference.
struct iroh_client *iroh_client_new(struct iroh_share *home, struct iroh_session *session, enum iroh_dialect d,
                                    const uint8_t key[IROH_KEY_LEN]);
struct iroh_client *iroh_client_ref(struct iroh_client *c);
void iroh_client_unref(struct iroh_client *c); // NULL is accepted

// Under the lock of the directory: its session hears of it at home, in a later turn.
void iroh_client_set_standing(struct iroh_client *c, enum iroh_standing standing);

// One more packet of `len` octets goes to it from another loop; false: too much waits for it, drop the packet.
MUST_USE bool iroh_client_begin_crossing(struct iroh_client *c, size_t len);
void iroh_client_end_crossing(struct iroh_client *c, size_t len);

// The name under which the tables know a key of this dialect's family.
struct hash128 iroh_key_hash(enum iroh_dialect d, const uint8_t key[IROH_KEY_LEN]);
