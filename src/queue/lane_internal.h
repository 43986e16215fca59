// SPDX-License-Identifier: MIT
// The inside of a lane, for lane.c (what it does next), lane_outcome.c (what came of its letters) and lane_set.c (all
// lanes together) alone.
#pragma once

#include "queue/lane.h"
#include "queue/queue_internal.h"

enum lane_state { LANE_WORKING, LANE_DEFERRING, LANE_ENDING };

struct lane {
    struct list link, idle_link, unproven_link;
    struct queue *q;
    char *destination;
    enum lane_state state;
    struct courier courier;
    struct list letters; // that wait
    size_t n_letters;
    struct letter *current;
    size_t n_settling;
    bool in_trouble; // the store does not take outcomes: nothing more is sent, for a crash would send it again
    // Loading:
    struct store_op *load;
    bool more;        // the store has, or may have, letters that are not here
    bool more_again;  // the same, said while it was loading
    bool distrusted;  // what it is loading is out of date
    uint64_t load_at; // monotonic, ms: not before; after trouble
    // The destination:
    bool is_proven;    // it answered
    uint32_t failures; // in a row, as far as is known
    uint32_t n_sent;
    uint64_t since;      // monotonic, ms: for the first answer it waits
    uint64_t idle_until; // monotonic, ms
    struct store_op *defer;
    char *why; // of the deferral
    int64_t next_at;
    uint64_t defer_at; // monotonic, ms: asked again; after trouble
};

// ---- lane.c ----

// Decides what the lane does now. It may be gone after this.
void lane_pump(struct lane *lane);
// Nothing of it is under way.
void lane_end(struct lane *lane);
void lane_free(struct lane *lane);

// ---- lane_outcome.c ----

void lane_send_next(struct lane *lane);
// The destination cannot be reached: `why` is kept for it, `error` is logged.
void lane_fail(struct lane *lane, const char *why, const char *error);
void lane_submit_defer(struct lane *lane);

// ---- lane_set.c ----

size_t lanes_bucket(struct slice destination);
// Its destination has answered.
void lane_set_proven(struct lane *lane);
// A lane whose letters are decided one after the other waits for each anew.
void lane_wait_anew(struct lane *lane);
