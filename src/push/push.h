// SPDX-License-Identifier: MIT
// Notifications: what the store says is to be pushed goes to the notification gateway, one POST for each device token.
// Lives on the outbound loop; the store tells it of new work from its own thread.
//
// The store is the only queue. Memory holds what is in flight (at most PUSH_FLIGHTS_MAX requests, each until its
// outcome is committed) and a bounded table of the tokens that were asked for within the last second. So a gateway that
// is slow or dead costs one row per token and no memory, and mail never waits for it; a crash forgets nothing, at the
// price of a second notification when it falls between an answer and its commit.
//
// 200: done. 410: the token is forgotten. Anything else: again after 8, 64, 512 and 4096 s, and a little more by
// chance; five tries, none later than five hours after the delivery. Redirects are not followed. A delivery within a
// second of the start of a request for the same token is covered by it, told or not: a failure is its own first try,
// too. A later one gets a request of its own.
//
// Trouble of the gateway as a whole (no address, no connection, no proper answer, or the word of a proxy that nobody is
// behind it) is found out by single requests, a few seconds apart (push/pace.h): it costs a try of the token that was
// asked with, not of all that wait.
//
// A token stands in the request's body and nowhere else: in no log, no error, no counter.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

struct config_holder;
struct dns_resolver;
struct loop;
struct push;
struct store;
struct tls_client_context;

enum {
    PUSH_FLIGHTS_MAX = 32,
    PUSH_RETRIES_MAX = 8, // of these: not the first try of their token
    PUSH_TRIES_MAX = 5,
    PUSH_TIMEOUT_MS = 60 * 1000,
    PUSH_COVERS_MS = 1000,
    PUSH_LIFETIME_MS = 5 * 3600 * 1000,
};

struct push_settings {
    struct config_holder *config; // push_gateway, disable_ipv6
    struct store *store;
    struct loop *loop; // the outbound loop; all that follows is used on it alone
    struct dns_resolver *dns;
    struct tls_client_context *tls; // whom the gateway's certificate may come from
    bool has_place_in_dns;          // else only a gateway that the operator names is used
};
// Before the first operation of the store: it takes the store's news, and tells it whether anything is to be kept for
// pushing at all.
struct push *push_new(const struct push_settings *s);
// Begins to work, on the loop: first with what an earlier run has left.
void push_start(struct push *p);
// Something may be due. Any thread; cheap, and one for many.
void push_wake(struct push *p);
// The configuration was replaced in its holder: another gateway, perhaps, or none. Any thread.
void push_reload(struct push *p);
// On the loop: no new requests; those under way end, or are given up within `ms`. done() on the loop, in a later turn.
// What is not done stays in the store.
void push_stop(struct push *p, uint32_t ms, void (*done)(void *arg), void *arg);
// After the loop has stopped and the store is closed (it tells its news until then), before the loop, the resolver and
// the TLS context are freed. Whatever is under way is forgotten. NULL is accepted.
void push_free(struct push *p);
