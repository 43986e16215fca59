// SPDX-License-Identifier: MIT
// What the tests of pushes share: a store with three accounts, a clock that stands still, and what is due as text.
// Include behind <cmocka.h>.
#pragma once

#include <stdatomic.h>

#include "store/push_ops.h"
#include "store/test_support.h"

enum { DAY_S = 86400 };

// The clock: milliseconds since a moment early in a day.
int64_t at(int64_t ms); // the wall clock then
void set_ms(int64_t ms);

struct world {
    struct fixture f;
    uint64_t alice, bob, carol; // with tokens a1 and a2, with b1, and without one
    atomic_uint n_calls;
};
// At 0, with pushes on.
void begin(struct world *w);
void end(struct world *w);
// Closes the store and opens it again.
void reopen(struct world *w);

void add_token(struct world *w, uint64_t account, const char *token);
uint64_t id_of(struct world *w, const char *token);

// To one address.
enum store_delivery_outcome deliver_to(struct world *w, const char *address);
// To `others`, separated by blanks, and as an own copy to `own` (NULL: nobody). `seed` makes its dedup hash.
struct store_deliver *delivery(struct world *w, const char *own, const char *others, uint8_t seed);

// How often on_push was called since the last time.
unsigned calls(struct world *w);
struct store_push_load *load(struct world *w, int64_t now, size_t max_first, size_t max_retries);
// Frees the load. "a1@5 b1@7/2 more next=9": token, when it was asked for, tries; "more": of the first tries,
// "more-retries".
const char *text_of(struct store_push_load *l);
// All that is due.
const char *due(struct world *w, int64_t now);
