// SPDX-License-Identifier: MIT
// The data path of the TURN server: what clients send goes to their peers, and back. Nothing here answers, allocates or
// takes a lock. Private to turn/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/udp.h"
#include "turn/message.h"

struct turn_allocation;
struct turn_station;

// ChannelData of a client (RFC 8656 section 12.6).
void turn_relay_channel_data(struct turn_allocation *a, struct slice datagram, uint64_t now_us);
// A Send indication of a client (section 11.2).
void turn_relay_send(struct turn_allocation *a, const struct turn_message *m, uint64_t now_us);
// What has come to the relayed socket of the allocation `arg` (section 11.3).
udp_on_datagrams turn_relay_from_peers;

// Whether something is relayed at this peer's address and port, which is one of ours.
bool turn_relay_is_relayed(const struct turn_station *s, const struct net_address *peer);
