// SPDX-License-Identifier: MIT
// Which destination gets a lane next. The waiting destinations stand in the store; the scheduler reads them in pages,
// from the longest waiting on, round after round, and starts lanes at a measured pace.
//
// So that the dead never delay the living: destinations that failed the last time get at most half of the lanes, those
// that have not answered lately at most four of five, and when that is not enough, a lane that waits long for its first
// answer makes room.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/queue_ops.h"

struct queue;

enum { SCHEDULER_LIST_MAX = 100 };

// By what is known of a destination.
enum scheduler_class {
    SCHEDULER_GOOD,    // it answered lately
    SCHEDULER_FRESH,   // nothing is known
    SCHEDULER_FAILING, // it failed the last time
    SCHEDULER_CLASSES,
};

struct candidate {
    char *destination; // owned
    uint32_t failures;
};
// Destinations that are next, first come, first served.
struct candidates {
    struct candidate ring[SCHEDULER_LIST_MAX];
    size_t first, n;
    bool passed; // there are more, for which there was no room
};

struct scheduler {
    struct candidates waiting[SCHEDULER_CLASSES];
    struct store_op *scan;
    bool is_round; // one is under way: it goes on behind the last destination seen
    int64_t after_next_at;
    char after_name[STORE_DESTINATION_MAX + 1];
    bool dirty;       // something may be there that no round sees
    int64_t next_at;  // wall clock: when something becomes due of itself; 0: not known
    uint64_t pace_at; // monotonic, ms: no lane is started before
    uint64_t scan_at; // no page is read before
    uint64_t look_at; // a round begins then in any case
    unsigned n_paced; // lanes started since pace_at
};

void scheduler_start(struct queue *q);
void scheduler_tick(struct queue *q);
// Something is due to a destination that has no lane.
void scheduler_add(struct queue *q, const char *destination);
// The same, but it had its turn: whoever waits goes first.
void scheduler_add_last(struct queue *q, const char *destination);
// The store has to be read anew: the news were too many.
void scheduler_look(struct queue *q);
// Something will be due at this time (wall clock).
void scheduler_expect(struct queue *q, int64_t next_at);
// Others wait for a lane.
bool scheduler_is_pressed(const struct queue *q);
void scheduler_abandon(struct queue *q);
