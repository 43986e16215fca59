// SPDX-License-Identifier: MIT
// The fields of one header, found by name from the bottom up, as signatures name them (RFC 6376 5.4.2).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "dkim/signature.h"
#include "mail/header.h"

enum { DKIM_FIELD_BUCKETS = 64 };

// One field and its place in the chain of its bucket.
struct dkim_field {
    struct header_field field;
    uint64_t hash;  // of the name
    uint32_t above; // index + 1 of the next one further up, 0 for none
    uint32_t taken; // the round in which it was taken
};

struct dkim_fields {
    size_t n;
    struct dkim_field *items; // in the order of the header
    uint32_t lowest[DKIM_FIELD_BUCKETS];
    uint32_t round;
};

// The fields borrow from `header`. Lines that are no fields are passed over. False, and nothing to free, when there are
// more than `max`.
MUST_USE bool dkim_fields_init(struct dkim_fields *f, struct slice header, size_t max);
// A zeroed struct is accepted.
void dkim_fields_done(struct dkim_fields *f);

// How many have that name (case-insensitive).
size_t dkim_fields_count(const struct dkim_fields *f, struct slice name);

// The SHA-256 that a signature signs (RFC 6376 3.7): the fields that `names` (an h= list) names, each name taking the
// lowest one that is left, a name without one nothing; then `own`, the signature's field, without `own_hole` (its b=).
// `own` is a member of `f->items` or stands outside.
void dkim_fields_hash(struct dkim_fields *f, enum dkim_canon how, struct slice names, const struct header_field *own,
                      struct slice own_hole, uint8_t ret[DKIM_HASH_LEN]);
