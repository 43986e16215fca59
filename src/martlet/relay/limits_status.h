// SPDX-License-Identifier: MIT
// What there is only so much of, and how much of it is taken, for `martlet status`.
#pragma once

#include <jansson.h>

struct config;
struct wire_limits;

// Rows {"name", "used", "limit"} of everything that has a limit; says which are nearly reached.
json_t *limits_status_describe(const struct wire_limits *limits, const struct config *c, json_t *attention);
