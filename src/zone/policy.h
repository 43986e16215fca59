// SPDX-License-Identifier: MIT
// The MTA-STS policy of this relay (RFC 8461): what the web server serves, and the id that tells others when to fetch
// it anew. The id is made of the policy, so it changes exactly when the policy does, and nothing has to be kept.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

// "m" and hexadecimal digits: RFC 8461 3.1 allows 32 letters and digits.
enum { ZONE_POLICY_ID_SIZE = 18 };

// Appends the policy file (3.2). False when `out` is full.
MUST_USE bool zone_policy_write(const char *domain, struct buf *out);
void zone_policy_id(const char *domain, char ret[ZONE_POLICY_ID_SIZE]);
// Whether an id is one that zone_policy_id() makes, of whatever policy.
bool zone_policy_id_is_ours(struct slice id);
