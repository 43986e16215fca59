// SPDX-License-Identifier: MIT
// Logins that were verified since the start, so that the next one of the same account costs no hash. The table holds a
// MAC over account, password and stored hash under a secret of this process: what is in it tells nothing without the
// secret, and a changed record in the store makes it worthless by itself. Shared by threads, bounded; the longest
// unused makes room.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct account_verified;

struct account_verified *account_verified_new(size_t max_entries);
void account_verified_free(struct account_verified *v);

// Whether this very password was verified against this very hash before.
MUST_USE bool account_verified_check(struct account_verified *v, uint64_t account_id, const char *password,
                                     const char *stored_hash);
void account_verified_remember(struct account_verified *v, uint64_t account_id, const char *password,
                               const char *stored_hash);
