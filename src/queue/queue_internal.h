// SPDX-License-Identifier: MIT
// The inside of the queue, for the files of queue/ alone: what its parts share. Outbound loop only, but for the inbox
// and the counters.
//
//   news.c       what other threads say                    -> the scheduler, or a lane
//   scheduler.c  which destination gets a lane next        <- the store's table of destinations
//   lane.c       one destination: letters in, outcomes out -> courier.c (attempts), settle.c (commits)
//   giveup.c     letters whose time is over, or that the operator gives up
//   queue.c      the life of it all, and its one timer
//
// There is one timer. Whoever waits for a time says so with queue_wake_at(), and looks at the clock again in its tick.
#pragma once

#include <stdatomic.h>

#include "queue/courier.h"
#include "queue/giveup.h"
#include "queue/lane.h"
#include "queue/letter.h"
#include "queue/news.h"
#include "queue/queue.h"
#include "queue/scheduler.h"
#include "queue/settle.h"

struct queue {
    struct config_holder *config;
    struct store *store;
    struct loop *loop;
    struct courier_post post;
    struct settle_office settle;
    struct letter_index letters;
    struct lanes lanes;
    struct scheduler scheduler;
    struct giveup giveup;
    struct inbox *inbox;
    struct memory *answered; // destinations that answered lately

    bool started, stopping;
    struct loop_timer timer;
    uint64_t tick_at; // when the timer fires; UINT64_MAX: it does not
    // The wall clock against the monotonic one, to see jumps.
    int64_t clock_offset;

    struct store_op *retry; // of everything, because of the clock
    uint64_t retry_at;      // monotonic, ms: all is asked for again; 0: it is not

    struct loop_task stopped; // tells that it has stopped
    bool stopped_posted;
    uint64_t stop_at;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;

    struct {
        _Atomic uint64_t delivered[COURIER_TRANSPORTS], deferred, bounced, failed_attempts, lanes, letters;
    } counters;
};

enum {
    // Octets of letters in memory, beyond which each lane loads one at a time.
    LETTERS_OCTETS_SOFT_MAX = 16 * 1024 * 1024,
};

// The tick comes at this time (monotonic, ms) or before.
void queue_wake_at(struct queue *q, uint64_t mono_ms);
// Everything that waits for a time. The timer does it; tests with a clock of their own call it.
void queue_tick(struct queue *q);

// A lane or a settlement has ended: perhaps the last one that a stop waited for.
void queue_check_stopped(struct queue *q);

// After `attempts` failures in a row: seconds.
int64_t queue_backoff(struct queue *q, uint32_t attempts);
int64_t queue_lifetime_s(struct queue *q);

// ---- queue_metrics.c ----

void queue_metrics_open(struct queue *q);
void queue_metrics_close(struct queue *q);
