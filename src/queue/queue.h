// SPDX-License-Identifier: MIT
// The outbound queue: letters that the store has committed leave from here, destination by destination, until each
// recipient was taken, refused or given up. Lives on the outbound loop; the store tells it of new mail from any thread.
//
// A destination (a domain or a literal) with something waiting has one lane while it is worked on. A lane finds the
// hosts of its destination (queue/route.h), keeps a channel of each transport to the host that answered, and sends
// letters in the order of their acceptance. What a host could not be reached for defers the whole destination; what a
// peer refused for a while defers that recipient alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"
#include "queue/transport.h"

enum {
    QUEUE_LANES_MAX = 500,
    QUEUE_LETTERS_MAX = 30,         // in memory of one destination; the others wait in the store
    QUEUE_IDLE_MS = 60 * 1000,      // a lane without work keeps its connection so long
    QUEUE_NO_HTTPS_MS = 30 * 60000, // a host that took mail by SMTP after HTTPS had failed
};

struct config_holder;
struct queue;
struct route_finder;
struct store;

struct queue_settings {
    struct config_holder *config;
    struct store *store;
    struct loop *loop; // the outbound loop; all that follows is used on it alone
    struct route_finder *routes;
    const struct transport *https, *smtp; // in this order; one of them may be NULL
    size_t max_lanes;                     // destinations worked on at a time; 0: QUEUE_LANES_MAX
};
// Before the first operation of the store: it takes the store's news (store_set_on_queue).
struct queue *queue_new(const struct queue_settings *s);
// Begins to work, on the loop. What the store says before that waits.
void queue_start(struct queue *q);
// On the loop: no new attempts; those under way end or are given up within `ms`. done() on the loop, in a later turn.
// What is not sent stays in the store.
void queue_stop(struct queue *q, uint32_t ms, void (*done)(void *arg), void *arg);
// After the loop has stopped and the store is closed (it tells its news until then), before the loop, the transports
// and the route finder are freed. Whatever is under way is forgotten. NULL is accepted.
void queue_free(struct queue *q);
// Gives up what is due to a destination, or one due row of it (due_id; 0: all): the senders get a bounce, as at the end
// of the life time. Any thread; the store tells when it is done.
void queue_give_up(struct queue *q, struct slice destination, uint64_t due_id);

// What happened since the start, and what is in memory. Any thread.
struct queue_counters {
    uint64_t delivered_https, delivered_smtp; // recipients
    uint64_t deferred;                        // recipients that a peer put off
    uint64_t bounced;                         // recipients whose sender was told
    uint64_t failed_attempts;                 // for a whole destination: none of its hosts answered
    uint64_t lanes, letters;                  // now
};
void queue_count(const struct queue *q, struct queue_counters *ret);
