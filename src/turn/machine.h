// SPDX-License-Identifier: MIT
// What this machine says about addresses: which are its own (so that a relayed socket is no way into its services), and
// from which one it speaks to the internet. One for each loop: what was asked before is remembered for a minute, in a
// table of one size.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "net/address.h"

struct turn_machine;

struct turn_machine *turn_machine_new(void);
void turn_machine_free(struct turn_machine *m);

// Whether the address (its port does not count) is one of this machine. When the system cannot say, it is.
bool turn_machine_owns(struct turn_machine *m, const struct net_address *a, uint64_t now_ms);

// The address that datagrams to the public internet leave from. False when there is none of this family.
MUST_USE bool turn_machine_source(bool ipv4, struct net_address *ret);
