// SPDX-License-Identifier: MIT
// Our own addresses that relayed sockets are bound to ("homes"), and which of their ports are relayed. Clients of this
// relay reach each other by these ports, and nobody reaches anything else of this machine. Shared by loops; looking a
// port up is a few loads, without a lock.
//
// A port of a family is relayed at one home only, so that an external address (NAT), which stands for all homes, leads
// to one socket.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "net/address.h"

struct turn_homes;

enum { TURN_HOMES_MAX = 64 }; // at a time; one without ports makes room for a new one

struct turn_homes *turn_homes_new(void);
void turn_homes_free(struct turn_homes *h);

// Takes the port of this address. False when the port is taken in this family, or there are too many homes.
MUST_USE bool turn_homes_claim(struct turn_homes *h, const struct net_address *a);
// From now on the claimed port is relayed. Not before its socket is bound: until then it may be somebody else's.
void turn_homes_open(struct turn_homes *h, const struct net_address *a);
// Of a claimed port, opened or not.
void turn_homes_release(struct turn_homes *h, const struct net_address *a);

// Whether this is a home, whatever the port: it has a port, or had one and no other home has taken its place.
bool turn_homes_has(struct turn_homes *h, const struct net_address *a);
// Whether exactly this address and port is relayed.
bool turn_homes_is_relayed(const struct turn_homes *h, const struct net_address *a);
// At which home this port is relayed.
MUST_USE bool turn_homes_find(const struct turn_homes *h, bool ipv4, uint16_t port, struct net_address *ret);
