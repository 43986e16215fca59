// SPDX-License-Identifier: MIT
// The inside of a search for a destination's hosts, private to queue/route*.c: route.c asks, route_verdict.c makes the
// answer of what was found.
#pragma once

#include "queue/host_lookup.h"
#include "queue/route.h"
#include "queue/sts.h"

struct route_finder {
    struct route_settings s;
    struct sts *sts;
    struct route_counts counts;
    size_t n_requests;
};

struct route_request {
    struct route_finder *finder;
    char *destination; // lower case
    bool any_certificate;
    struct dns_query mx;
    uint32_t mx_ttl;
    struct host_lookup *hosts; // in the order to try
    size_t n_hosts, n_left;    // of these, still being looked up
    bool is_cut;               // there are more hosts than are looked at
    bool mx_is_done;
    struct sts_request *sts; // under way
    enum store_sts_mode sts_mode;
    bool sts_is_late;
    char *sts_mx; // patterns
    struct transport_reply failure;
    struct loop_timer at_once; // for what needs no question
    void (*done)(void *arg, struct route *route);
    void *arg;
};

// "421 DNS resolution failed for b.example". `words` begins with the code.
void route_reply_set(struct transport_reply *ret, const char *words, ...) PRINTF_LIKE(2, 3);
// The answer, once everything is known. Takes what it needs out of the hosts.
struct route *route_conclude(struct route_request *r);
// Of a literal: `address` is its text.
struct route *route_to_literal(const struct route_request *r, const char *address, const struct net_address *a);
