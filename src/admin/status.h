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
