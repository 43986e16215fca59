// SPDX-License-Identifier: MIT
// A queue of octet strings, in pieces of memory that go one by one as it is emptied: taking from the front never moves
// what is behind. It has no bound of its own; who pushes looks at the counts before.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

struct iroh_backlog {
    struct iroh_backlog_piece *first, *last;
    uint32_t count;
    size_t octets;
    size_t memory; // that it takes
};

// A zeroed queue is empty. Room for one more of `len` octets, to be filled by the caller.
MUST_USE char *iroh_backlog_push(struct iroh_backlog *q, uint32_t len);
// The oldest, or an empty slice. Valid until it is popped.
struct slice iroh_backlog_first(const struct iroh_backlog *q);
void iroh_backlog_pop(struct iroh_backlog *q);
void iroh_backlog_done(struct iroh_backlog *q);
