// SPDX-License-Identifier: MIT
// When to try again (RFC 5321 section 4.5.4.1): the first failure waits `min`, each further one twice as long, at most
// `max`; a quarter more or less by chance, so that what failed together does not come back together. Pure.
#pragma once

#include <stdint.h>

// Seconds until the next attempt after `attempts` failures in a row (at least one). `chance` is a random number.
int64_t backoff_delay(uint32_t attempts, uint32_t min_s, uint32_t max_s, uint64_t chance);
