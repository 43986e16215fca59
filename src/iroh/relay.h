// SPDX-License-Identifier: MIT
// The inside of the relay, private to iroh/: what all loops share, and the share of each.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iroh/iroh.h"
#include "net/loop.h"

struct conn_limits;
struct iroh_batch;
struct iroh_client;
struct iroh_directory;
struct table;
struct websocket_payload;

// Memory for the queues of all clients together, a part of it for each loop; and as much for what is on its way between
// loops.
enum { IROH_WAITING_ALL_MAX = 256 * 1024 * 1024 };

// Of one loop, and touched by its thread alone.
struct iroh_share {
    struct iroh_relay *relay;
    struct loop *loop;
    size_t index;
    struct iroh_batch **out;               // for each loop what goes there at the end of this turn, or NULL
    struct iroh_batch *spare;              // empty ones, to be filled again
    _Atomic(struct iroh_batch *) returned; // the same, put here by the loops that have emptied them
    atomic_uint n_returned;
    struct loop_task flush;
    bool flush_due;
    size_t waiting_memory; // that the queues of its clients take
};

struct iroh_relay {
    struct iroh_directory *directory;
    struct conn_limits *limits;
    struct table *arrivals;   // of each address; see routes.c
    atomic_size_t n_crossing; // batches in use; see crossing.c
    atomic_bool is_on, is_on_http, relay_only;
    _Atomic uint64_t bandwidth;
    size_t n_shares;
    struct iroh_share shares[];
};

struct iroh_share *iroh_relay_share(struct iroh_relay *r, const struct loop *loop);

// crossing.c
// A frame (`head`, then the unmasked `body`) goes to a client of another loop, together with all others of this turn.
// When too much waits for that client it is dropped.
void iroh_share_send(struct iroh_share *from, struct iroh_client *to, const uint8_t *head, size_t head_len,
                     const struct websocket_payload *body);
void iroh_share_init(struct iroh_share *s, struct iroh_relay *r, struct loop *loop, size_t index);
void iroh_share_done(struct iroh_share *s);
