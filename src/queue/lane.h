// SPDX-License-Identifier: MIT
// A lane: the work for one destination, while there is any and for a minute after. It has at most QUEUE_LETTERS_MAX
// letters in memory, sends them one after the other, and ends when the destination cannot be reached.
#pragma once

#include "base/list.h"
#include "queue/courier.h"

struct queue;
struct store_due;

enum { LANE_BUCKETS = 512 };

struct lanes {
    struct list buckets[LANE_BUCKETS]; // struct lane, by `link`
    struct list idle;                  // by `idle_link`, the longest idle first
    struct list unproven;              // by `unproven_link`, the oldest first
    size_t n, max;
    size_t n_unproven; // have not been answered yet
    size_t n_failing;  // of these: for destinations that failed the last time
};
void lanes_init(struct lanes *lanes, size_t max);

struct lane;

struct lane *lane_find(const struct lanes *lanes, struct slice destination);
// There is none yet, and lanes are left. `failures`: of the destination, in a row, as far as is known.
struct lane *lane_start(struct queue *q, const char *destination, uint32_t failures);
// Something is due to its destination, in the store.
void lane_poke(struct lane *lane);
// The same, with the row in memory: taken over, and zeroed, if the lane has room and nothing to be sent before.
void lane_offer(struct lane *lane, struct store_due *due);
// Lets go of the letters that are not under way: they are the store's again.
void lane_release_letters(struct lane *lane);
// Those under way are given up when they are not taken: the one named, or (0) all.
void lane_give_up(struct lane *lane, uint64_t due_id);
// Rows of its destination were settled by another: what it is reading now may be out of date.
void lane_distrust_load(struct lane *lane);
// Ends the lane that has been idle longest, to make room. False when none is idle.
MUST_USE bool lanes_end_idle(struct queue *q);
// Takes the place from the lane that has waited longest for its first answer, when that is long: its destination
// counts as unreachable.
void lanes_preempt(struct queue *q);
void lanes_tick(struct queue *q);
// No more attempts: lanes end when what is under way has ended.
void lanes_stop(struct queue *q);
// Forgets everything at once.
void lanes_abandon(struct queue *q);
// For tests: some wait for the store.
bool lanes_await_store(const struct lanes *lanes);
