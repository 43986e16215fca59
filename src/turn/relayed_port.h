// SPDX-License-Identifier: MIT
// Ports for relayed sockets: drawn at random from the configured range (RFC 8656 section 7.2 and RFC 6056), claimed in
// the homes, bound.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "net/address.h"

struct turn_homes;

struct turn_relayed_port {
    int fd;
    struct net_address address;
};

struct turn_port_range {
    uint16_t min, max;
};

enum turn_port_kind {
    TURN_PORT_ANY,
    TURN_PORT_EVEN,
    TURN_PORT_PAIR, // an even one and the next
};

// Binds one port (two of a pair) of this address, whose own port does not count. False when none was found in a bounded
// number of tries. Any thread.
MUST_USE bool turn_relayed_port_open(struct turn_homes *homes, const struct net_address *home,
                                     struct turn_port_range range, enum turn_port_kind kind,
                                     struct turn_relayed_port ret[2]);
void turn_relayed_port_close(struct turn_homes *homes, const struct turn_relayed_port *port);
