// SPDX-License-Identifier: MIT
// A peer's address, kept in memory only and never logged. IPv4 is held as IPv4-mapped IPv6.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/hash.h"

struct net_address {
    uint8_t ip[16];
    uint16_t port;
};

// All zero for an address of another family.
struct net_address net_address_from_sockaddr(const struct sockaddr *sa);
bool net_address_is_none(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
// The key under which limits count this client: the whole IPv4 address, the /64 of IPv6.
struct hash128 net_address_limit_key(const struct net_address *a);
