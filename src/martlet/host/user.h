// SPDX-License-Identifier: MIT
// The system user that the relay runs as.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/panic.h"

// False when there is no such user.
MUST_USE bool user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid);
// Root becomes that user for ever: no supplementary groups, no capability, no way back. For uid 0 it stays root in name
// only. Returns 0 or an errno.
MUST_USE int user_become(uid_t uid, gid_t gid);
