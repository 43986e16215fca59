// SPDX-License-Identifier: MIT
// A store in memory for tests of what stands above the store: the functions of store/body.h and store/message_ops.h
// that the intake calls, with outcomes that a test chooses. Everything completes by a posted task, as it does in the
// real one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/message_ops.h"

struct fake_delivery {
    char *address;
    bool is_own;       // store_deliver_add_own()
    char *destination; // "" for a local one, as are the next two
    char *reverse_path;
    char *prefix;
    uint32_t letter_flags;
    char *text; // NUL-terminated
    size_t len;
    uint8_t dedup[32];
    struct fake_delivery *next; // the one before
};

struct store {
    enum store_status body_status;    // of store_body_finish()
    enum store_status deliver_status; // of the delivery number `deliver_fails_at` and later
    size_t deliver_fails_at;          // from 1
    bool is_slow;                     // every write asks for a pause
    size_t n_bodies;                  // alive
    size_t n_submitted;               // deliveries
    size_t n_delivered;
    size_t n_queued;            // recipients of other servers
    struct fake_delivery *last; // of either kind
};

// Outcomes by address: "nobody..." is unknown, "full..." over quota, all else is delivered (once for each `dedup`).
// Whoever is remote is queued, once for each `dedup`.
void fake_store_init(struct store *s);
// Checks that nothing is left over, then forgets the deliveries.
void fake_store_done(struct store *s);
