// SPDX-License-Identifier: MIT
// What the configuration says to the TURN server, ready for use. Each loop has a copy, so a reload locks nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"
#include "turn/peer_rules.h"
#include "turn/quota.h"
#include "turn/relayed_port.h"

struct config;

struct turn_policy {
    bool enabled;
    struct net_address external_ipv4, external_ipv6; // all zero: what a socket is bound to
    struct turn_port_range ports;
    struct turn_peer_rules rules;
    struct turn_quota_limits limits;
    uint64_t bandwidth;       // of an allocation, each way, octets a second; 0: no limit
    uint64_t total_bandwidth; // of all; 0: no limit
};

struct turn_policy turn_policy_of(const struct config *c);

// The address under which the world knows `home`, with its port: the external one of the family if there is one.
struct net_address turn_policy_shown(const struct turn_policy *p, const struct net_address *home);
// Whether this is an external address; its port does not count.
bool turn_policy_is_external(const struct turn_policy *p, const struct net_address *a);
