// SPDX-License-Identifier: MIT
// Keywords of a message as one string: sorted and unique without regard to case (RFC 3501 2.3.2), one space between
// them. Private to the store.
#pragma once

#include <stdbool.h>

#include "store/message_ops.h"

// The keywords of a message after `mode` with `change`, both in any order. False when there are more than
// STORE_KEYWORDS_MAX octets of them.
MUST_USE bool keywords_apply(const char *old, enum store_flags_mode mode, const char *change,
                             char ret[STORE_KEYWORDS_MAX + 1]);
