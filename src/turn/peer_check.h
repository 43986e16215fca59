// SPDX-License-Identifier: MIT
// Whether a client may have this peer. Private to turn/.
#pragma once

#include "turn/message.h"
#include "turn/peers.h"

struct turn_request;

// 0 and what to permit; or 443: the allocation is of the other family, 403: forbidden.
unsigned turn_peer_check(const struct turn_request *r, const struct turn_peer *peer, struct turn_wanted *ret);
