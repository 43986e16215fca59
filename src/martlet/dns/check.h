// SPDX-License-Identifier: MIT
// `martlet dns --check`: takes a look at the DNS and says of every record whether it is right, missing or wrong.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "zone/record.h"

struct config;

// Prints the findings; returns the exit status (martlet/dns/look.h). `as_json`: an object a line.
MUST_USE int dns_check(const struct config *c, const struct zone *z, bool as_json);
