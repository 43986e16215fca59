// SPDX-License-Identifier: MIT
// Keys that verified something, by query name: saves the look-up and the costly parsing of the next message of the same
// domain. Holds only keys that exist; that there is none is never remembered. Thread-safe: one for the process, a lock
// held for the look-up alone. The verifier (verify.h) keeps it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "dkim/key.h"

// No entry lives longer, whatever its record says: a revoked key must die.
enum { DKIM_KEY_CACHE_TTL_MAX_S = 24 * 60 * 60 };

struct dkim_key_cache;

// At most `max_entries` (> 0); the one longest unused makes room.
struct dkim_key_cache *dkim_key_cache_new(size_t max_entries);
// NULL is accepted.
void dkim_key_cache_free(struct dkim_key_cache *cache);

// A new reference to the key under `name` (case-insensitive), or NULL.
struct dkim_key *dkim_key_cache_get(struct dkim_key_cache *cache, struct slice name, int64_t now_s);
// Takes a reference of its own. Replaces what stood under the name. Nothing is kept with a ttl_s of 0.
void dkim_key_cache_put(struct dkim_key_cache *cache, struct slice name, struct dkim_key *key, int64_t now_s,
                        uint32_t ttl_s);
// Drops the entry, unless another key stands there by now.
void dkim_key_cache_drop(struct dkim_key_cache *cache, struct slice name, const struct dkim_key *key);

// For tests and metrics.
size_t dkim_key_cache_count(struct dkim_key_cache *cache);
