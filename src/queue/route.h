// SPDX-License-Identifier: MIT
// Where mail for a destination goes: literal, MX, implicit MX (RFC 5321 section 5.1), null MX (RFC 7505), with the
// addresses of each host from the validating resolver, and how each must prove itself (MTA-STS, RFC 8461; DANE,
// RFC 7672). On the outbound loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"
#include "queue/transport.h"

struct config_holder;
struct dns_resolver;
struct http_client;
struct route_finder;
struct store;

enum { ROUTE_HOSTS_MAX = 10 };

struct route_settings {
    struct config_holder *config;
    struct loop *loop;
    struct dns_resolver *dns;
    struct http_client *http; // for MTA-STS policies
    struct store *store;      // keeps them
};
struct route_finder *route_finder_new(const struct route_settings *s);
struct route_counts {
    uint64_t sts_refusals;           // destinations of which MTA-STS left no host
    uint64_t sts_testing_mismatches; // hosts that a policy in mode "testing" does not name (RFC 8461 section 5)
};
struct route_counts route_finder_counts(const struct route_finder *f);
// After the last request has ended. NULL is accepted.
void route_finder_free(struct route_finder *f);

// The answer: hosts in the order to try, or a reply that says why there is none (4xx: later, 5xx: never).
struct route {
    struct transport_host *hosts; // owned, with all they point to
    size_t n_hosts;
    struct transport_reply failure; // code 0 when there are hosts
    uint32_t ttl_s;                 // ask again after this
};
// With the struct itself.
void route_free(struct route *r);

struct route_request; // under way

// done() on the loop, in a later turn, exactly once unless cancelled; the route is the caller's then. It takes as long
// as the DNS does; for a domain that has an MTA-STS policy we do not know, at most STS_FIRST_WAIT_MS (queue/sts.h)
// more.
struct route_request *route_find(struct route_finder *f, struct slice destination,
                                 void (*done)(void *arg, struct route *route), void *arg);
// NULL is accepted.
void route_cancel(struct route_request *r);
