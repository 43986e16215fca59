// SPDX-License-Identifier: MIT
// How many allocations a user name, a client address (a /64 of IPv6) and all together have. Shared by loops.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"

struct turn_quota;

struct turn_quota_limits {
    uint32_t total, per_user, per_address;
};

// What was counted in, and is to be counted out.
struct turn_quota_ticket {
    struct hash128 user, address;
};

struct turn_quota *turn_quota_new(void);
void turn_quota_free(struct turn_quota *q);

// False, and nothing counted, when a limit is reached.
MUST_USE bool turn_quota_enter(struct turn_quota *q, const struct turn_quota_limits *limits, struct slice username,
                               const struct net_address *client, struct turn_quota_ticket *ret);
void turn_quota_leave(struct turn_quota *q, const struct turn_quota_ticket *ticket);
size_t turn_quota_total(const struct turn_quota *q);
