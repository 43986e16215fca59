// SPDX-License-Identifier: MIT
// When a device token is valid.
#pragma once

#include <stdint.h>

// Tokens that were last set on one of these days are valid.
struct token_days {
    int64_t first, last;
};
struct token_days token_days_at(int64_t now_s);
