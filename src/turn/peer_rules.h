// SPDX-License-Identifier: MIT
// With whom a relayed socket may talk. Refused are addresses that are not of the public internet (RFC 6890): "this"
// network, loopback, private and shared ranges, link-local, multicast, reserved ones, and all forms of IPv6 that carry
// such an IPv4 address (mapped, compatible, NAT64, 6to4). The operator's list of allowed networks makes exceptions.
// Whether an address is one of this machine is found out elsewhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "turn/message.h"

enum { TURN_NETWORKS_MAX = 32 }; // as many as the configuration takes

struct turn_network {
    bool ipv6;
    uint8_t address[16]; // network order; IPv4: the first four
    unsigned prefix;     // 0..32 or 0..128
};

struct turn_peer_rules {
    struct turn_network allowed[TURN_NETWORKS_MAX];
    size_t count;
};

// The operator's list, as config/network.h reads it. False when something in it is no network or there are too many;
// the configuration has refused such a list before. An empty one allows nothing beyond the public internet.
MUST_USE bool turn_peer_rules_parse(struct slice list, struct turn_peer_rules *ret);

// Whether the address (its port is ignored) is in the list of allowed networks. Never for an IPv4-mapped address that
// was written as IPv6.
bool turn_peer_is_listed(const struct turn_peer_rules *rules, const struct turn_peer *peer);

// Whether it is an IPv6 address behind which a translator or tunnel reaches an IPv4 one: that one.
bool turn_peer_carries(const struct turn_peer *peer, struct net_address *ret);

// Whether the rules let a relayed socket talk with it: listed, or of the public internet.
bool turn_peer_is_allowed(const struct turn_peer_rules *rules, const struct turn_peer *peer);
