// SPDX-License-Identifier: MIT
#include "queue/scheduler.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/queue_internal.h"

enum {
    PAGE = 100,
    PACE_LANES = 25, // started by a round at a time
    PACE_MS = 100,
    SCAN_PACE_MS = 20, // between two pages
    RETRY_MS = 2000,   // after trouble with the store
    LOOK_MS = 60 * 1000,
};

// ---- the lists ----

static enum scheduler_class class_of(struct queue *q, const char *destination, uint32_t failures) {
    if (failures > 0)
        return SCHEDULER_FAILING;
    return memory_has(q->answered, destination) ? SCHEDULER_GOOD : SCHEDULER_FRESH;
}

static struct candidate *candidate_at(struct candidates *list, size_t i) {
    return &list->ring[(list->first + i) % SCHEDULER_LIST_MAX];
}

static bool is_waiting(struct queue *q, const char *destination) {
    for (int kind = 0; kind < SCHEDULER_CLASSES; kind++) {
        struct candidates *list = &q->scheduler.waiting[kind];
        for (size_t i = 0; i < list->n; i++)
            if (strcmp(candidate_at(list, i)->destination, destination) == 0)
                return true;
    }
    return false;
}

static void enlist(struct queue *q, enum scheduler_class kind, const char *destination, uint32_t failures) {
    struct candidates *list = &q->scheduler.waiting[kind];
    if (is_waiting(q, destination))
        return;
    if (list->n == SCHEDULER_LIST_MAX) {
        list->passed = true;
        return;
    }
    *candidate_at(list, list->n++) = (struct candidate){slice_dup(slice_from_cstr(destination)), failures};
}

static struct candidate unlist(struct candidates *list) {
    struct candidate c = list->ring[list->first];
    list->first = (list->first + 1) % SCHEDULER_LIST_MAX;
    list->n--;
    return c;
}

bool scheduler_is_pressed(const struct queue *q) {
    for (int kind = 0; kind < SCHEDULER_CLASSES; kind++)
        if (q->scheduler.waiting[kind].n > 0)
            return true;
    return false;
}

// ---- starting lanes ----

static size_t share(size_t max, size_t part, size_t of) {
    size_t n = max * part / of;
    return n > 0 ? n : 1;
}

// By the share of its kind; whether a lane is free at all is another question.
static bool is_allowed(const struct queue *q, enum scheduler_class kind) {
    const struct lanes *lanes = &q->lanes;
    if (kind == SCHEDULER_FAILING && lanes->n_failing >= share(lanes->max, 1, 2))
        return false;
    return kind == SCHEDULER_GOOD || lanes->n_unproven < share(lanes->max, 4, 5);
}

static bool make_room(struct queue *q) {
    return q->lanes.n < q->lanes.max || lanes_end_idle(q);
}

// The first of the list gets a lane. False when it must wait.
static bool start_first(struct queue *q, enum scheduler_class kind) {
    struct candidates *list = &q->scheduler.waiting[kind];
    struct slice destination = slice_from_cstr(list->ring[list->first].destination);
    struct lane *lane = lane_find(&q->lanes, destination);
    if (lane == NULL && (!is_allowed(q, kind) || !make_room(q)))
        return false;
    struct candidate c = unlist(list);
    if (lane != NULL) {
        lane_poke(lane);
    } else {
        (void)lane_start(q, c.destination, c.failures);
        q->scheduler.n_paced++;
    }
    free(c.destination);
    return true;
}

static void start_lanes(struct queue *q) {
    struct scheduler *s = &q->scheduler;
    uint64_t now = clock_mono_ms();
    if (!scheduler_is_pressed(q))
        return;
    if (s->pace_at <= now) {
        s->n_paced = 0;
        s->pace_at = now + PACE_MS;
    }
    bool any = true;
    while (any) { // one of each kind in turn
        any = false;
        for (int kind = 0; kind < SCHEDULER_CLASSES; kind++)
            if (s->waiting[kind].n > 0 && s->n_paced < PACE_LANES && start_first(q, (enum scheduler_class)kind))
                any = true;
    }
    bool is_blocked = s->n_paced < PACE_LANES;
    if (s->waiting[SCHEDULER_FRESH].n > 0 && is_blocked)
        lanes_preempt(q);
    if (scheduler_is_pressed(q)) // a lane that ends wakes too; this is for the pace, and to preempt
        queue_wake_at(q, is_blocked ? now + 1000 : s->pace_at);
}

// ---- rounds ----

static bool has_room(const struct queue *q) {
    const struct scheduler *s = &q->scheduler;
    return s->waiting[SCHEDULER_GOOD].n < SCHEDULER_LIST_MAX / 2 &&
           s->waiting[SCHEDULER_FRESH].n < SCHEDULER_LIST_MAX / 2;
}

// Those that were passed by have their turn when the list of their kind is empty.
static bool is_round_wanted(const struct queue *q) {
    const struct scheduler *s = &q->scheduler;
    if (s->dirty || s->look_at <= clock_mono_ms() || (s->next_at != 0 && s->next_at <= clock_wall_s()))
        return true;
    for (int kind = 0; kind < SCHEDULER_CLASSES; kind++)
        if (s->waiting[kind].passed && s->waiting[kind].n == 0 && is_allowed(q, (enum scheduler_class)kind))
            return true;
    return false;
}

static void begin_round(struct queue *q) {
    struct scheduler *s = &q->scheduler;
    s->is_round = true;
    s->dirty = false;
    s->next_at = 0;
    s->look_at = clock_mono_ms() + LOOK_MS;
    s->after_next_at = INT64_MIN;
    s->after_name[0] = '\0';
    for (int kind = 0; kind < SCHEDULER_CLASSES; kind++)
        s->waiting[kind].passed = false;
}

static void see(struct queue *q, const struct store_destination *d) {
    struct lane *lane = lane_find(&q->lanes, slice_from_cstr(d->name));
    if (lane != NULL)
        lane_poke(lane);
    else
        enlist(q, class_of(q, d->name, d->attempts), d->name, d->attempts);
}

static void on_page(struct store_op *op) {
    struct queue *q = op->arg;
    struct scheduler *s = &q->scheduler;
    struct store_queue_destinations *d = CONTAINER_OF(op, struct store_queue_destinations, op);
    s->scan = NULL;
    if (op->status != STORE_OK) { // logged there
        s->scan_at = clock_mono_ms() + RETRY_MS;
        store_op_free(op);
        scheduler_tick(q);
        return;
    }
    for (size_t i = 0; i < d->ret_n; i++)
        see(q, &d->ret_destinations[i]);
    if (d->ret_n > 0) {
        const struct store_destination *last = &d->ret_destinations[d->ret_n - 1];
        s->after_next_at = last->next_at;
        memcpy(s->after_name, last->name, strlen(last->name) + 1);
    }
    s->is_round = d->ret_more;
    if (d->ret_next_at > 0)
        scheduler_expect(q, d->ret_next_at);
    store_op_free(op);
    scheduler_tick(q);
}

static void read_page(struct queue *q) {
    struct scheduler *s = &q->scheduler;
    struct store_queue_destinations *d = store_queue_destinations_new(clock_wall_s(), PAGE);
    d->after_next_at = s->after_next_at;
    memcpy(d->after_name, s->after_name, sizeof(d->after_name));
    s->scan = &d->op;
    s->scan_at = clock_mono_ms() + SCAN_PACE_MS;
    store_op_submit(q->store, q->loop, s->scan, on_page, q);
}

static void wake_for_times(struct queue *q) {
    const struct scheduler *s = &q->scheduler;
    uint64_t now = clock_mono_ms(), at = s->look_at;
    if (s->next_at != 0) {
        int64_t wait = s->next_at - clock_wall_s();
        uint64_t until = now + (wait > 0 ? (uint64_t)wait * 1000 : 0);
        at = until < at ? until : at;
    }
    queue_wake_at(q, at);
}

void scheduler_tick(struct queue *q) {
    struct scheduler *s = &q->scheduler;
    if (!q->started || q->stopping)
        return;
    start_lanes(q);
    if (!s->is_round && s->scan == NULL && is_round_wanted(q))
        begin_round(q);
    if (s->is_round && s->scan == NULL && has_room(q)) {
        if (s->scan_at <= clock_mono_ms())
            read_page(q);
        else
            queue_wake_at(q, s->scan_at);
    }
    if (!s->is_round)
        wake_for_times(q);
}

// ---- from outside ----

void scheduler_start(struct queue *q) {
    q->scheduler.dirty = true;
}

// At once when nobody else waits: that is mail that somebody has just sent.
void scheduler_add(struct queue *q, const char *destination) {
    if (!q->started || q->stopping)
        return;
    enum scheduler_class kind = class_of(q, destination, 0);
    if (q->scheduler.waiting[kind].n == 0 && is_allowed(q, kind) && q->lanes.n < q->lanes.max)
        (void)lane_start(q, destination, 0);
    else
        enlist(q, kind, destination, 0);
    queue_wake_at(q, clock_mono_ms());
}

void scheduler_add_last(struct queue *q, const char *destination) {
    if (!scheduler_is_pressed(q)) {
        scheduler_add(q, destination);
        return;
    }
    enlist(q, SCHEDULER_FRESH, destination, 0);
    queue_wake_at(q, clock_mono_ms());
}

void scheduler_look(struct queue *q) {
    q->scheduler.dirty = true;
    queue_wake_at(q, clock_mono_ms());
}

void scheduler_expect(struct queue *q, int64_t next_at) {
    struct scheduler *s = &q->scheduler;
    if (s->next_at != 0 && s->next_at <= next_at)
        return;
    s->next_at = next_at;
    wake_for_times(q);
}

void scheduler_abandon(struct queue *q) {
    struct scheduler *s = &q->scheduler;
    if (s->scan != NULL)
        store_op_cancel(s->scan);
    s->scan = NULL;
    for (int kind = 0; kind < SCHEDULER_CLASSES; kind++)
        while (s->waiting[kind].n > 0)
            free(unlist(&s->waiting[kind]).destination);
}
