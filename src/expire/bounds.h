// SPDX-License-Identifier: MIT
// From the configuration and an hour to what is due then. A message lives for as many days as are configured at most,
// an account for as many whole days at least.
#pragma once

#include "store/expiry_ops.h"

struct config;

void expire_bounds(const struct config *c, int64_t now_hour, struct store_expiry_bounds *ret);
