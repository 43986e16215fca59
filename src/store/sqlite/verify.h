// SPDX-License-Identifier: MIT
// The check of a whole store that nobody has open.
#pragma once

#include "store/sqlite/db.h"

// As store_verify(), on a locked directory.
int sqlite_verify(struct backend_context *context, void (*on_problem)(void *arg, const char *sentence), void *arg,
                  const char **ret_error);
