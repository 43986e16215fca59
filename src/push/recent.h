// SPDX-License-Identifier: MIT
// For which tokens a request was begun just now: a delivery within PUSH_COVERS_MS of that needs none of its own. If it
// was told, because the device that it wakes looks for all that is there; if it failed, because whoever asks again at
// once is told the same. Bounded; what is forgotten costs one request more.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct recent;

enum { RECENT_MAX = 4096 };

struct recent *recent_new(size_t max_tokens);
void recent_free(struct recent *r);

enum recent_outcome { RECENT_NONE, RECENT_TOLD, RECENT_FAILED };

// What came of a request that was begun at `started_ms` (wall clock).
void recent_remember(struct recent *r, uint64_t token_id, int64_t started_ms, enum recent_outcome outcome);
// What came of the one that covers a delivery at `asked_ms` (wall clock), and until when it does.
MUST_USE enum recent_outcome recent_find(struct recent *r, uint64_t token_id, int64_t asked_ms,
                                         int64_t *ret_covered_ms);
