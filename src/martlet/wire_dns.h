// SPDX-License-Identifier: MIT
// The resolver as the configuration wants it; its notices go to the log.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct config;
struct dns_resolver;
struct loop;

// `is_passive`: it asks only what somebody wants to know. NULL, with a sentence that is valid until the next call.
MUST_USE struct dns_resolver *wire_dns_new(const struct config *c, struct loop *loop, bool is_passive,
                                           const char **ret_error);
