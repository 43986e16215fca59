// SPDX-License-Identifier: MIT
// IP addresses, networks and ports in the configuration. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

// A network in CIDR notation (RFC 4632 3.1, RFC 4291 2.3). Bits behind the prefix are zero.
struct config_network {
    bool is_ipv6;
    uint8_t address[16]; // network order; IPv4: the first four
    unsigned prefix;     // 0..32 or 0..128
};

// The networks of turn_allowed_peers: "10.0.0.0/8, fd00::/8 192.0.2.1", separated by blanks, commas or both; an address
// without "/" is a network of one. Takes the next one off *rest; false when there is none, or when *rest begins with
// something else; *rest then stays at its beginning.
enum { CONFIG_NETWORKS_MAX = 32 };
MUST_USE bool config_network_next(struct slice *rest, struct config_network *ret);

// "49152-65535", or one port alone; blanks around "-" are accepted. False also when it is the wrong way round.
MUST_USE bool config_ports_parse(struct slice s, uint16_t *ret_first, uint16_t *ret_last);

// An address with a port: "127.0.0.1", "127.0.0.1:3903", "::1", "[::1]:3903".
struct config_endpoint {
    bool is_ipv6;
    uint8_t address[16]; // network order; IPv4: the first four
    uint16_t port;
};
// `port` is what stands for none. False, with nothing changed, for anything else, port 0 included.
MUST_USE bool config_endpoint_parse(struct slice s, uint16_t port, struct config_endpoint *ret);
// Loopback (RFC 1122 3.2.1.3, RFC 4291 2.5.3), or of a network that is not routed over the internet: RFC 1918, RFC 6598
// (shared, where tunnels are at home) and RFC 4193.
bool config_endpoint_is_private(const struct config_endpoint *e);
