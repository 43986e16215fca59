// SPDX-License-Identifier: MIT
// Names of mailboxes as they are kept: "/" between levels, no empty level, and INBOX in capitals (RFC 3501 5.1).
// Private to the store.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "store/mailbox_ops.h"

// The kept form of `name`. A "/" at the end is dropped (RFC 3501 6.3.3). False when no mailbox can have this name.
MUST_USE bool mailbox_name_normal(const char *name, char ret[STORE_MAILBOX_NAME_MAX + 1]);
bool mailbox_name_is_inbox(const char *normal);
