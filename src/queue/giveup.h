// SPDX-License-Identifier: MIT
// Letters that are not tried any more: older than the life time of the queue, or given up by the operator. They are
// read in pages, and each gets its bounce with the last error known.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "store/queue_ops.h"

struct queue;

enum { GIVEUP_PAGE = 30, GIVEUP_WISHES_MAX = 1000 };

struct giveup_wish {
    struct list link;
    uint64_t due_id; // 0: all
    char destination[STORE_DESTINATION_MAX + 1];
};

enum giveup_state {
    GIVEUP_IDLE,
    GIVEUP_WAITING, // for outcomes of the destination that are being committed
    GIVEUP_WORKING,
};

struct giveup {
    struct list wishes; // of the operator
    size_t n_wishes;
    enum giveup_state state;
    bool is_expiry;         // what is worked on: letters whose time is over, or else the wish `now`
    struct giveup_wish now; // of expiry: the destination of the page
    struct store_op *op;
    struct store_due *dues; // the page, while the last error is asked for
    size_t n_dues;
    bool more;
    size_t n_settling;
    uint64_t sweep_at;    // monotonic, ms: when letters are looked for whose time is over
    uint64_t again_at;    // nothing is begun before, and what waits looks again
    uint64_t grace_until; // no letter's time is over before
};
void giveup_init(struct giveup *g);
void giveup_start(struct queue *q);
void giveup_tick(struct queue *q);
// Passed over, with a warning, when there are too many wishes already.
void giveup_want(struct queue *q, struct slice destination, uint64_t due_id);
// Nothing is sent to this destination meanwhile.
bool giveup_holds(const struct queue *q, const char *destination);
// The wall clock jumped ahead: letters look older than they are, so let them be tried first.
void giveup_grace(struct queue *q);
void giveup_abandon(struct queue *q);
