// SPDX-License-Identifier: MIT
// The state directory and its lock: never two processes on one store. Private to the store.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

// Locks `<dir>/lock`, making it and the directory (mode 0700) when they are missing and `create` is set. -1 with a
// sentence.
MUST_USE int dir_lock(const char *dir, bool create, const char **ret_error);
// -1 is accepted.
void dir_unlock(int fd);

// "<what>: <text of errno>", in thread-local memory.
const char *dir_lock_errno(const char *what);
