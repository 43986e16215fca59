// SPDX-License-Identifier: MIT
// How many sessions an account has open, over all addresses, and how many it may have: one account's devices (or its
// one broken client) must not take the connections of all. Counts are shared by the loops; each is pinned in its table
// while it is above zero and leaves it after that.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

struct table;

enum { IMAP_SHARE_MAX = 50 }; // sessions of one account; genuine clients hold one or two for each device

struct table *imap_share_new(void);
void imap_share_free(struct table *t); // NULL is accepted; every session is gone
// Counts a session in. False: the account has as many as it may have, and this one is not counted.
MUST_USE bool imap_share_enter(struct table *t, uint64_t account_id);
void imap_share_leave(struct table *t, uint64_t account_id);
// Whether it has any session now.
bool imap_share_has(struct table *t, uint64_t account_id);
