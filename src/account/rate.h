// SPDX-License-Identifier: MIT
// Rate limits by GCRA (the generic cell rate algorithm of ITU-T I.371): per key one point in time, no queue and no
// timer. Time is monotonic. Shared by threads; bounded, what was longest unused is forgotten.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/panic.h"
#include "base/slice.h"

struct account_rates;

struct account_rates *account_rates_new(void);
void account_rates_free(struct account_rates *r);

// One transaction of a sender: `burst` at once, then per_minute (both at least 1). When it is too many, false and the
// seconds until the next one passes, at least 1.
MUST_USE bool account_rates_take_send(struct account_rates *r, uint64_t account_id, uint32_t per_minute, uint32_t burst,
                                      uint32_t *ret_wait_s);

// One offer of an account to a client (net_address_limit_key()): 5 at once, then 2 a second. As above when it is too
// many.
MUST_USE bool account_rates_take_offer(struct account_rates *r, struct hash128 client, uint32_t *ret_wait_s);

// One new account for a client (net_address_limit_key()): per_hour at once, then one each hour / per_hour. 0: no limit.
// What was granted for an address covers it for a minute, so that simultaneous first logins on IMAP and SMTP count
// once.
MUST_USE bool account_rates_take_creation(struct account_rates *r, struct hash128 client, struct slice address,
                                          uint32_t per_hour);
