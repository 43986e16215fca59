// SPDX-License-Identifier: MIT
// With whom one allocation may talk (RFC 8656 sections 9 and 12): permissions for addresses, and channels that stand
// for an address and port. At most 32 of each; what has expired makes room. Times are milliseconds of clock_mono_ms().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "net/address.h"

enum {
    TURN_PERMISSIONS_MAX = 32,
    TURN_CHANNELS_MAX = 32,
    TURN_PERMISSION_MS = 300 * 1000,
    TURN_CHANNEL_MS = 600 * 1000,
};

struct turn_permission {
    struct net_address peer; // its port is 0
    bool ours;               // an address of this relay: only relayed ports are reached there
    uint64_t expires_ms;
};

struct turn_channel {
    struct net_address peer;
    bool ours;
    uint16_t number;
    uint64_t expires_ms;
};

// Zeroed: none.
struct turn_peers {
    struct turn_permission *permissions;
    struct turn_channel *channels;
    uint8_t n_permissions, n_channels;
    uint8_t permissions_cap, channels_cap;
};

void turn_peers_done(struct turn_peers *p);

// What has not expired, or NULL. The pointers are good until the next change.
const struct turn_permission *turn_peers_permission(const struct turn_peers *p, const struct net_address *peer,
                                                    uint64_t now_ms);
const struct turn_channel *turn_peers_channel(const struct turn_peers *p, uint16_t number, uint64_t now_ms);
const struct turn_channel *turn_peers_channel_to(const struct turn_peers *p, const struct net_address *peer,
                                                 uint64_t now_ms);

// A peer that is to get a permission.
struct turn_wanted {
    struct net_address peer;
    bool ours;
};

// Permits all of them, anew or again, for 300 s. False, and nothing changed, when that would be too many.
MUST_USE bool turn_peers_permit(struct turn_peers *p, const struct turn_wanted *wanted, size_t n, uint64_t now_ms);

enum turn_bound { TURN_BOUND, TURN_BOUND_OTHERWISE, TURN_BOUND_TOO_MANY };

// Binds the channel for 600 s, anew or again, and permits the peer for 300 s. Nothing changes when the channel or the
// peer is bound otherwise, or there are too many of either kind.
MUST_USE enum turn_bound turn_peers_bind(struct turn_peers *p, uint16_t number, const struct turn_wanted *wanted,
                                         uint64_t now_ms);
