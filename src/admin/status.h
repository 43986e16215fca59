// SPDX-License-Identifier: MIT
// For those who describe a part of the relay (struct control_section): sentences about what needs attention.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

void control_attention(json_t *attention, const char *fmt, ...) PRINTF_LIKE(2, 3);
// From 80 % of a limit on says so, "imap connections: 81 of 100 are in use", and returns true. No limit: 0.
bool control_attention_limit(json_t *attention, const char *what, uint64_t used, uint64_t limit);

// Appends the row {"name", "used", "limit"} to a list of limits, and says so in `attention` as above. No limit: 0, and
// no row.
void control_limit(json_t *list, const char *name, uint64_t used, uint64_t limit, json_t *attention);
