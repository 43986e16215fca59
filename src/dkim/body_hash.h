// SPDX-License-Identifier: MIT
// The SHA-256 of a canonical body, streamed: what stands in bh=.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dkim/signature.h"

struct dkim_body_hash;

// With `has_length`, only the first `length` canonical octets count (l=).
struct dkim_body_hash *dkim_body_hash_new(enum dkim_canon how, bool has_length, uint64_t length);
// NULL is accepted.
void dkim_body_hash_free(struct dkim_body_hash *h);
// A second one that goes on from the same state.
struct dkim_body_hash *dkim_body_hash_copy(const struct dkim_body_hash *h);

// The next octets of the body, in pieces cut anywhere.
void dkim_body_hash_update(struct dkim_body_hash *h, struct slice octets);
// Ends the hash, once. `ret_covered`: canonical octets hashed; `ret_total`: canonical octets there were (both may be
// NULL).
void dkim_body_hash_finish(struct dkim_body_hash *h, uint8_t ret_hash[DKIM_HASH_LEN], uint64_t *ret_covered,
                           uint64_t *ret_total);
