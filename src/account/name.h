// SPDX-License-Identifier: MIT
// Login names. A name is an address of the relay's own domain; it is lower-cased before any look-up.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"
#include "store/account_ops.h"

enum { ACCOUNT_NAME_SIZE = STORE_ADDRESS_MAX + 1 };

// Writes the lower-cased name. False when it cannot be one of ours: it does not end with "@" and `domain`, has nothing
// before that, holds "/", a blank or a control character, or is too long.
MUST_USE bool account_name_normalise(struct slice user, const char *domain, char ret[ACCOUNT_NAME_SIZE]);

// Whether a new account may have this local part: [a-z0-9._-]+ (which leaves no room for a second "@").
MUST_USE bool account_local_part_is_valid(struct slice local_part);

// What stands before the last "@" of a normalised name.
struct slice account_name_local_part(struct slice name);
