// SPDX-License-Identifier: MIT
// All lanes together: found by destination, ended when they are idle, and made to give way.
#include "base/clock.h"
#include "base/mem.h"
#include "queue/lane_internal.h"

enum { PREEMPT_MS = 20 * 1000 }; // without a first answer, while others wait

// ---- the set ----

void lanes_init(struct lanes *lanes, size_t max) {
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        list_init(&lanes->buckets[i]);
    list_init(&lanes->idle);
    list_init(&lanes->unproven);
    lanes->n = lanes->n_unproven = lanes->n_failing = 0;
    lanes->max = max;
}

size_t lanes_bucket(struct slice destination) {
    return hash_keyed(destination.ptr, destination.len).lo % LANE_BUCKETS;
}

struct lane *lane_find(const struct lanes *lanes, struct slice destination) {
    LIST_FOREACH(node, &lanes->buckets[lanes_bucket(destination)]) {
        struct lane *lane = CONTAINER_OF(node, struct lane, link);
        if (slice_eq(slice_from_cstr(lane->destination), destination))
            return lane;
    }
    return NULL;
}

void lane_set_proven(struct lane *lane) {
    struct lanes *lanes = &lane->q->lanes;
    if (lane->is_proven)
        return;
    lane->is_proven = true;
    list_remove(&lane->unproven_link);
    lanes->n_unproven--;
    lanes->n_failing -= lane->failures > 0;
    lane->failures = 0;
}

void lane_wait_anew(struct lane *lane) {
    if (lane->is_proven)
        return;
    lane->since = clock_mono_ms();
    list_remove(&lane->unproven_link);
    list_append(&lane->q->lanes.unproven, &lane->unproven_link);
}

bool lanes_end_idle(struct queue *q) {
    if (list_is_empty(&q->lanes.idle))
        return false;
    lane_end(CONTAINER_OF(q->lanes.idle.next, struct lane, idle_link));
    return true;
}

void lanes_preempt(struct queue *q) {
    uint64_t now = clock_mono_ms();
    LIST_FOREACH(node, &q->lanes.unproven) {
        struct lane *lane = CONTAINER_OF(node, struct lane, unproven_link);
        if (lane->since + PREEMPT_MS > now)
            return;
        if (lane->state != LANE_WORKING || lane->current == NULL)
            continue;
        lane_fail(lane, "421 4.4.1 No answer yet, and others are waiting", "no answer yet, and others are waiting");
        return;
    }
}

static void tick_one(struct lane *lane, uint64_t now) {
    uint64_t at = lane->state == LANE_DEFERRING ? lane->defer_at : lane->load_at;
    if (at == 0)
        return;
    if (at > now) {
        queue_wake_at(lane->q, at);
        return;
    }
    if (lane->state == LANE_DEFERRING && lane->defer == NULL)
        lane_submit_defer(lane);
    lane->load_at = 0;
    lane_pump(lane);
}

void lanes_tick(struct queue *q) {
    uint64_t now = clock_mono_ms();
    while (!list_is_empty(&q->lanes.idle)) {
        struct lane *lane = CONTAINER_OF(q->lanes.idle.next, struct lane, idle_link);
        if (lane->idle_until > now) {
            queue_wake_at(q, lane->idle_until);
            break;
        }
        lane_end(lane);
    }
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(node, &q->lanes.buckets[i])
    tick_one(CONTAINER_OF(node, struct lane, link), now);
}

void lanes_stop(struct queue *q) {
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(node, &q->lanes.buckets[i])
    lane_pump(CONTAINER_OF(node, struct lane, link));
}

bool lanes_await_store(const struct lanes *lanes) {
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(node, &lanes->buckets[i]) {
            const struct lane *lane = CONTAINER_OF(node, struct lane, link);
            if (lane->load != NULL || lane->defer != NULL)
                return true;
        }
    return false;
}

void lanes_abandon(struct queue *q) {
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(node, &q->lanes.buckets[i])
    lane_free(CONTAINER_OF(node, struct lane, link));
}
