// SPDX-License-Identifier: MIT
// A bounded table in memory shared by threads: values of one fixed size under 128-bit keys (hash_keyed()), in shards
// with a lock each. When a shard is full, the entry that was longest unused makes room. It holds what may be forgotten:
// rate limits, verified logins, per-address counts that are pinned while in use.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/panic.h"

struct table;

// A table of at most about `max_entries` values of `value_size` octets. Grows with use, never shrinks.
struct table *table_new(size_t value_size, size_t max_entries);
void table_free(struct table *t);

// Locks the shard of `key` and returns the value, or NULL (nothing locked) when it is absent and `create` is false. A
// created value is zeroed and *ret_created (may be NULL) set. Pinned values are not evicted; when all are pinned, NULL.
// The caller works on the value briefly, then calls table_unlock() with the same key.
MUST_USE void *table_lock(struct table *t, struct hash128 key, bool create, bool *ret_created);
void table_unlock(struct table *t, struct hash128 key);
// While locked: keeps the value from eviction / allows it again / removes it (the value pointer is dead then).
void table_pin(struct table *t, struct hash128 key, bool pinned);
void table_remove(struct table *t, struct hash128 key);

// Entries held; for tests and metrics.
size_t table_count(struct table *t);
