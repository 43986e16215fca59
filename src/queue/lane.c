// SPDX-License-Identifier: MIT
// What a lane does is decided in one place, lane_pump(), which is called after everything that happened to it: load
// letters when few are left, send the next one, rest, or end.
//
//   WORKING   -> letters are loaded, sent, settled; without any it idles, then ends
//   DEFERRING -> the destination was not reached: the store is told, then it ends
//   ENDING    -> it makes room for others as soon as its outcomes are committed
//
// Until its destination has answered for the first time a lane holds a single letter: that is all a dead one costs.
#include "queue/lane.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/lane_internal.h"

enum {
    LOAD_AT = QUEUE_LETTERS_MAX / 3, // letters left, when more are loaded
    TURN_LETTERS = 100,              // sent, after which a lane makes room if others wait
    STORE_RETRY_MS = 2000,
};

static void count_gauges(struct queue *q) {
    atomic_store_explicit(&q->counters.lanes, q->lanes.n, memory_order_relaxed);
    atomic_store_explicit(&q->counters.letters, q->letters.n, memory_order_relaxed);
}

// ---- life ----

struct lane *lane_start(struct queue *q, const char *destination, uint32_t failures) {
    struct slice name = slice_from_cstr(destination);
    ASSERT(q->lanes.n < q->lanes.max && lane_find(&q->lanes, name) == NULL);
    struct lane *lane = MEM_NEW(struct lane);
    lane->q = q;
    lane->destination = slice_dup(name);
    lane->failures = failures;
    lane->more = true;
    list_init(&lane->letters);
    list_init(&lane->idle_link);
    list_init(&lane->unproven_link);
    list_append(&q->lanes.buckets[lanes_bucket(name)], &lane->link);
    q->lanes.n++;
    q->lanes.n_unproven++;
    q->lanes.n_failing += failures > 0;
    lane_wait_anew(lane);
    courier_init(&lane->courier, &q->post, lane->destination);
    lane_pump(lane);
    return lane;
}

void lane_free(struct lane *lane) {
    struct queue *q = lane->q;
    courier_done(&lane->courier);
    letter_free(lane->current);
    lane_release_letters(lane);
    if (lane->load != NULL)
        store_op_cancel(lane->load);
    if (lane->defer != NULL)
        store_op_cancel(lane->defer);
    lane_set_proven(lane); // leaves the lists of those that are not
    list_remove(&lane->idle_link);
    list_remove(&lane->link);
    q->lanes.n--;
    free(lane->why);
    free(lane->destination);
    free(lane);
    count_gauges(q);
}

void lane_end(struct lane *lane) {
    struct queue *q = lane->q;
    ASSERT(lane->current == NULL && lane->n_settling == 0 && lane->defer == NULL);
    bool more = lane->more && lane->state != LANE_DEFERRING && !q->stopping;
    char *destination = more ? slice_dup(slice_from_cstr(lane->destination)) : NULL;
    lane_free(lane);
    if (more)
        scheduler_add_last(q, destination);
    free(destination);
    queue_wake_at(q, clock_mono_ms()); // there is room
    queue_check_stopped(q);
}

void lane_release_letters(struct lane *lane) {
    struct list *node;
    while ((node = list_take_first(&lane->letters)) != NULL) {
        letter_free(CONTAINER_OF(node, struct letter, link));
        lane->more = true;
    }
    lane->n_letters = 0;
}

// ---- loading ----

static size_t in_memory(const struct lane *lane) {
    return lane->n_letters + lane->n_settling + (lane->current != NULL);
}

static size_t capacity(const struct lane *lane) {
    return lane->is_proven && lane->q->letters.octets < LETTERS_OCTETS_SOFT_MAX ? QUEUE_LETTERS_MAX : 1;
}

static void take_loaded(struct lane *lane, struct store_queue_load *l) {
    struct queue *q = lane->q;
    for (size_t i = 0; i < l->ret_n; i++) {
        if (letter_index_has(&q->letters, l->ret_dues[i].id))
            continue;
        struct letter *letter = letter_new(&q->letters, q->store, q->loop, &l->ret_dues[i]);
        list_append(&lane->letters, &letter->link);
        lane->n_letters++;
    }
    lane->more = l->ret_more || lane->more_again;
    if (l->ret_next_at > 0)
        scheduler_expect(q, l->ret_next_at);
}

static void on_loaded(struct store_op *op) {
    struct lane *lane = op->arg;
    lane->load = NULL;
    if (op->status != STORE_OK) { // logged there
        lane->load_at = clock_mono_ms() + STORE_RETRY_MS;
        queue_wake_at(lane->q, lane->load_at);
    } else if (!lane->distrusted && lane->state == LANE_WORKING) {
        take_loaded(lane, CONTAINER_OF(op, struct store_queue_load, op));
    }
    lane->more_again = false;
    lane->distrusted = false;
    store_op_free(op);
    lane_pump(lane);
}

static void skip_letter(void *arg, struct letter *l) {
    store_queue_load_skip(arg, l->due.id);
}

static void load(struct lane *lane) {
    struct queue *q = lane->q;
    struct slice destination = slice_from_cstr(lane->destination);
    struct store_queue_load *l = store_queue_load_new(destination, clock_wall_s(), capacity(lane) - in_memory(lane));
    LIST_FOREACH(node, &lane->letters)
    skip_letter(l, CONTAINER_OF(node, struct letter, link));
    if (lane->current != NULL)
        skip_letter(l, lane->current);
    settle_each(&q->settle, lane->destination, skip_letter, l);
    lane->load = &l->op;
    lane->more_again = false;
    lane->distrusted = false;
    store_op_submit(q->store, q->loop, lane->load, on_loaded, lane);
}

static void load_when_few(struct lane *lane) {
    if (lane->more && lane->load == NULL && lane->n_letters <= LOAD_AT && in_memory(lane) < capacity(lane) &&
        lane->load_at <= clock_mono_ms())
        load(lane);
}

// ---- deciding ----

static bool is_quiet(const struct lane *lane) {
    return lane->current == NULL && lane->load == NULL && lane->n_settling == 0 && lane->defer == NULL;
}

static void rest(struct lane *lane) {
    if (!courier_is_open(&lane->courier)) {
        lane_end(lane);
        return;
    }
    lane->n_sent = 0;
    lane->idle_until = clock_mono_ms() + QUEUE_IDLE_MS;
    list_append(&lane->q->lanes.idle, &lane->idle_link);
    queue_wake_at(lane->q, lane->idle_until);
    if (scheduler_is_pressed(lane->q))
        queue_wake_at(lane->q, clock_mono_ms());
}

static void work(struct lane *lane) {
    if (giveup_holds(lane->q, lane->destination))
        return; // it pokes in the end
    load_when_few(lane);
    if (lane->current != NULL || lane->in_trouble)
        return;
    if (lane->n_letters > 0 && lane->n_sent >= TURN_LETTERS && scheduler_is_pressed(lane->q)) {
        lane->state = LANE_ENDING;
        lane_release_letters(lane);
        if (is_quiet(lane))
            lane_end(lane);
    } else if (lane->n_letters > 0) {
        lane_send_next(lane);
    } else if (is_quiet(lane) && !lane->more) {
        rest(lane);
    }
}

// The lane may be gone after this.
void lane_pump(struct lane *lane) {
    struct queue *q = lane->q;
    list_remove(&lane->idle_link);
    if (q->stopping && lane->state == LANE_WORKING) {
        lane->state = LANE_ENDING;
        lane_release_letters(lane);
    }
    if (lane->state == LANE_WORKING)
        work(lane);
    else if (is_quiet(lane) && (lane->defer_at == 0 || q->stopping))
        lane_end(lane);
    count_gauges(q);
}

// ---- from outside ----

void lane_poke(struct lane *lane) {
    if (lane->load != NULL)
        lane->more_again = true;
    lane->more = true;
    lane_pump(lane);
}

void lane_offer(struct lane *lane, struct store_due *due) {
    if (letter_index_has(&lane->q->letters, due->id))
        return; // a load was faster than the news
    bool has_room = lane->state == LANE_WORKING && lane->load == NULL && !lane->more &&
                    in_memory(lane) < capacity(lane) && !giveup_holds(lane->q, lane->destination);
    if (!has_room) {
        lane_poke(lane);
        return;
    }
    struct letter *l = letter_new(&lane->q->letters, lane->q->store, lane->q->loop, due);
    list_append(&lane->letters, &l->link);
    lane->n_letters++;
    lane_pump(lane);
}

void lane_give_up(struct lane *lane, uint64_t due_id) {
    if (lane->current != NULL && (due_id == 0 || lane->current->due.id == due_id))
        lane->current->give_up = true;
}

void lane_distrust_load(struct lane *lane) {
    lane->distrusted = lane->load != NULL;
}
