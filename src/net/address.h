// SPDX-License-Identifier: MIT
// A peer's address, kept in memory only and never logged. IPv4 is held as IPv4-mapped IPv6.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/slice.h"

struct net_address {
    uint8_t ip[16];
    uint16_t port;
};

enum { NET_ADDRESS_TEXT_MAX = 46 }; // INET6_ADDRSTRLEN

// All zero for an address of another family.
struct net_address net_address_from_sockaddr(const struct sockaddr *sa);
// For connect(): an IPv4 address becomes one of AF_INET. Returns its length.
socklen_t net_address_to_sockaddr(const struct net_address *a, struct sockaddr_storage *ret);
// Without the port, as "192.0.2.1" or "2001:db8::1"; for libraries that want it so, never for a log.
void net_address_write(const struct net_address *a, char ret[NET_ADDRESS_TEXT_MAX]);
// The inverse; an IPv6 address without brackets. The port of *ret stays as it is.
MUST_USE bool net_address_parse(struct slice text, struct net_address *ret);
bool net_address_is_ipv4(const struct net_address *a);
bool net_address_is_none(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
// The key under which limits count this client: the whole IPv4 address, the /64 of IPv6.
struct hash128 net_address_limit_key(const struct net_address *a);
