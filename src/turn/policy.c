// SPDX-License-Identifier: MIT
#include "turn/policy.h"

#include <string.h>

#include "config/config.h"

static struct net_address address_of(const char *text) {
    struct net_address a = {0};
    if (text[0] != '\0')
        ASSERT(net_address_parse(slice_from_cstr(text), &a)); // the configuration has looked at it
    return a;
}

struct turn_policy turn_policy_of(const struct config *c) {
    struct turn_policy p = {
        .enabled = c->turn,
        .external_ipv4 = address_of(c->turn_external_ipv4),
        .external_ipv6 = address_of(c->turn_external_ipv6),
        .ports = {c->turn_port_min, c->turn_port_max},
        .limits = {c->max_turn_allocations, c->turn_allocations_per_user, c->turn_allocations_per_address},
        .bandwidth = c->turn_bandwidth,
        .total_bandwidth = c->turn_total_bandwidth,
    };
    ASSERT(turn_peer_rules_parse(slice_from_cstr(c->turn_allowed_peers), &p.rules));
    return p;
}

static const struct net_address *external_of(const struct turn_policy *p, const struct net_address *a) {
    return net_address_is_ipv4(a) ? &p->external_ipv4 : &p->external_ipv6;
}

struct net_address turn_policy_shown(const struct turn_policy *p, const struct net_address *home) {
    const struct net_address *external = external_of(p, home);
    struct net_address shown = net_address_is_none(external) ? *home : *external;
    shown.port = home->port;
    return shown;
}

bool turn_policy_is_external(const struct turn_policy *p, const struct net_address *a) {
    const struct net_address *external = external_of(p, a);
    return !net_address_is_none(external) && memcmp(external->ip, a->ip, sizeof(a->ip)) == 0;
}
