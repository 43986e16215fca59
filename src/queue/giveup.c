// SPDX-License-Identifier: MIT
// One thing at a time: a wish of the operator, or a page of letters whose time is over. While a destination is worked
// on here its lane sends nothing new, and what it has in memory beyond the letter under way goes back to the store.
#include "queue/giveup.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue_internal.h"
#include "store/queue_operator_ops.h"

enum {
    SWEEP_MS = 10 * 60 * 1000,
    GRACE_MS = 15 * 60 * 1000, // after a start or a jump of the clock: as long as an attempt for everybody may take
    AGAIN_MS = 200,
    STORE_RETRY_MS = 5000,
};

static void next_page(struct queue *q);

void giveup_init(struct giveup *g) {
    list_init(&g->wishes);
}

// ---- the destination ----

bool giveup_holds(const struct queue *q, const char *destination) {
    return q->giveup.state != GIVEUP_IDLE && strcmp(q->giveup.now.destination, destination) == 0;
}

static struct lane *lane_of(const struct queue *q, const char *destination) {
    return lane_find(&q->lanes, slice_from_cstr(destination));
}

// Another destination than before: that one may go on.
static void hold(struct queue *q, const char *destination) {
    struct giveup *g = &q->giveup;
    if (destination != g->now.destination) {
        struct lane *before = lane_of(q, g->now.destination);
        (void)snprintf(g->now.destination, sizeof(g->now.destination), "%s", destination);
        if (before != NULL)
            lane_poke(before);
    }
    struct lane *lane = lane_of(q, g->now.destination);
    if (lane == NULL)
        return;
    lane_release_letters(lane);
    lane_distrust_load(lane);
    if (!g->is_expiry)
        lane_give_up(lane, g->now.due_id);
}

static void finish(struct queue *q) {
    struct giveup *g = &q->giveup;
    struct lane *lane = lane_of(q, g->now.destination);
    g->state = GIVEUP_IDLE;
    g->now = (struct giveup_wish){0};
    if (lane != NULL)
        lane_poke(lane);
    queue_wake_at(q, clock_mono_ms());
}

static void begin_again(struct queue *q, uint64_t in_ms) {
    struct giveup *g = &q->giveup;
    g->again_at = clock_mono_ms() + in_ms;
    if (g->is_expiry)
        g->sweep_at = g->again_at;
    else
        giveup_want(q, slice_from_cstr(g->now.destination), g->now.due_id);
    finish(q);
}

// ---- a page ----

static void free_page(struct giveup *g) {
    for (size_t i = 0; i < g->n_dues; i++)
        store_due_done(&g->dues[i]);
    free(g->dues);
    g->dues = NULL;
    g->n_dues = 0;
}

static void on_trouble(void *arg) {
    // The settlement goes on by itself.
}

static void on_settled(void *arg) {
    struct queue *q = arg;
    struct giveup *g = &q->giveup;
    if (--g->n_settling > 0 || g->state == GIVEUP_IDLE) // the queue stops
        return;
    if (g->more)
        next_page(q);
    else
        finish(q);
}

static const char *reply_for(const struct giveup *g, const struct store_due *due, const struct store_destination *d) {
    if (d != NULL && d->attempts > 0 && d->last_error[0] != '\0')
        return d->last_error;
    if (due->last_reply[0] != '\0')
        return due->last_reply;
    return g->is_expiry ? "451 4.4.7 Delivery time expired" : "554 5.4.7 Delivery was given up by the operator";
}

static void settle_row(struct queue *q, struct store_due *due, const struct store_destination *d) {
    struct giveup *g = &q->giveup;
    struct letter *l = letter_new(&q->letters, q->store, q->loop, due);
    letter_set_rest(l, LETTER_NEVER, slice_from_cstr(reply_for(g, &l->due, d)));
    log_info("queue.given_up", "due=%llu recipients=%zu %s", (unsigned long long)l->due.id, l->due.n_recipients,
             g->is_expiry ? "its time is over" : "by the operator");
    struct settle_order order = {.letter = l, .on_trouble = on_trouble, .on_done = on_settled, .arg = q};
    g->n_settling++;
    settle_begin(&q->settle, &order);
}

static void settle_page(struct queue *q, const struct store_destination *d) {
    struct giveup *g = &q->giveup;
    for (size_t i = 0; i < g->n_dues; i++)
        if (!letter_index_has(&q->letters, g->dues[i].id))
            settle_row(q, &g->dues[i], d);
    free_page(g);
    if (g->n_settling > 0)
        return;
    // All of them are in other hands by now: not a reason to turn in circles.
    g->sweep_at = g->is_expiry ? clock_mono_ms() + SWEEP_MS : g->sweep_at;
    finish(q);
}

static void on_shown(struct store_op *op) {
    struct queue *q = op->arg;
    struct store_queue_show *s = CONTAINER_OF(op, struct store_queue_show, op);
    q->giveup.op = NULL;
    settle_page(q, op->status == STORE_OK ? &s->ret_destination : NULL);
    store_op_free(op);
}

// Takes over the rows of the destination that is held.
static void take_page(struct queue *q, struct store_due *dues, size_t n) {
    struct giveup *g = &q->giveup;
    g->dues = mem_alloc(n * sizeof(*dues));
    for (size_t i = 0; i < n; i++) {
        g->dues[i] = dues[i];
        dues[i] = (struct store_due){0};
    }
    g->n_dues = n;
    struct store_queue_show *s = store_queue_show_new(slice_from_cstr(g->now.destination), 1);
    g->op = &s->op;
    store_op_submit(q->store, q->loop, g->op, on_shown, q);
}

// ---- reading ----

static void on_loaded(struct store_op *op) {
    struct queue *q = op->arg;
    struct giveup *g = &q->giveup;
    struct store_queue_load *l = CONTAINER_OF(op, struct store_queue_load, op);
    g->op = NULL;
    g->more = l->ret_more;
    if (op->status != STORE_OK)
        begin_again(q, STORE_RETRY_MS);
    else if (l->ret_n == 0)
        finish(q);
    else
        take_page(q, l->ret_dues, l->ret_n);
    store_op_free(op);
}

static void on_found(struct store_op *op) {
    struct queue *q = op->arg;
    struct giveup *g = &q->giveup;
    struct store_queue_find *f = CONTAINER_OF(op, struct store_queue_find, op);
    g->op = NULL;
    g->more = false;
    if (op->status == STORE_NOT_FOUND) {
        finish(q);
    } else if (op->status != STORE_OK) {
        begin_again(q, STORE_RETRY_MS);
    } else {
        hold(q, f->ret_due.destination);
        if (letter_index_has(&q->letters, g->now.due_id))
            begin_again(q, 5 * AGAIN_MS); // it is under way, and may come to nothing
        else
            take_page(q, &f->ret_due, 1);
    }
    store_op_free(op);
}

// Rows are sorted by destination: the first one has its turn, the others come with the next page.
static void on_expired(struct store_op *op) {
    struct queue *q = op->arg;
    struct giveup *g = &q->giveup;
    struct store_queue_expired *e = CONTAINER_OF(op, struct store_queue_expired, op);
    g->op = NULL;
    if (op->status != STORE_OK) {
        begin_again(q, STORE_RETRY_MS);
    } else if (e->ret_n == 0) {
        g->sweep_at = clock_mono_ms() + SWEEP_MS;
        finish(q);
    } else {
        size_t n = 1;
        while (n < e->ret_n && strcmp(e->ret_dues[n].destination, e->ret_dues[0].destination) == 0)
            n++;
        g->more = true;
        hold(q, e->ret_dues[0].destination);
        take_page(q, e->ret_dues, n);
    }
    store_op_free(op);
}

// Letters in memory are under way: what comes of them is decided there.
static void each_in_memory(struct queue *q, const char *destination, void (*skip)(void *op, uint64_t due_id),
                           void *op) {
    for (size_t i = 0; i < LETTER_BUCKETS; i++)
        LIST_FOREACH(node, &q->letters.buckets[i]) {
            struct letter *l = CONTAINER_OF(node, struct letter, by_id);
            if (destination == NULL || strcmp(l->due.destination, destination) == 0)
                skip(op, l->due.id);
        }
}

static void skip_load(void *op, uint64_t due_id) {
    store_queue_load_skip(op, due_id);
}

static void skip_expired(void *op, uint64_t due_id) {
    store_queue_expired_skip(op, due_id);
}

static void read_expired(struct queue *q) {
    struct store_queue_expired *e = store_queue_expired_new(clock_wall_s() - queue_lifetime_s(q), GIVEUP_PAGE);
    each_in_memory(q, NULL, skip_expired, e);
    q->giveup.op = &e->op;
    store_op_submit(q->store, q->loop, q->giveup.op, on_expired, q);
}

static void read_destination(struct queue *q) {
    struct giveup *g = &q->giveup;
    struct store_queue_load *l = store_queue_load_new(slice_from_cstr(g->now.destination), INT64_MAX, GIVEUP_PAGE);
    each_in_memory(q, g->now.destination, skip_load, l);
    g->op = &l->op;
    store_op_submit(q->store, q->loop, g->op, on_loaded, q);
}

static void read_due(struct queue *q) {
    struct store_queue_find *f = store_queue_find_new(q->giveup.now.due_id);
    q->giveup.op = &f->op;
    store_op_submit(q->store, q->loop, q->giveup.op, on_found, q);
}

static void next_page(struct queue *q) {
    struct giveup *g = &q->giveup;
    if (g->is_expiry)
        read_expired(q);
    else if (g->now.due_id != 0)
        read_due(q);
    else
        read_destination(q);
}

// ---- beginning ----

static void on_letter(void *arg, struct letter *l) {
    *(bool *)arg = true;
}

// What is put off in a commit under way would be overlooked by the page: it is waited for.
static void work_or_wait(struct queue *q) {
    struct giveup *g = &q->giveup;
    bool any = false;
    settle_each(&q->settle, g->now.destination, on_letter, &any);
    g->state = any ? GIVEUP_WAITING : GIVEUP_WORKING;
    if (!any) {
        next_page(q);
        return;
    }
    g->again_at = clock_mono_ms() + AGAIN_MS;
    queue_wake_at(q, g->again_at);
}

static void begin_wish(struct queue *q) {
    struct giveup *g = &q->giveup;
    struct giveup_wish *w = CONTAINER_OF(list_take_first(&g->wishes), struct giveup_wish, link);
    g->n_wishes--;
    g->is_expiry = false;
    g->now = *w;
    g->state = GIVEUP_WORKING;
    hold(q, g->now.destination);
    free(w);
    work_or_wait(q);
}

static void begin_sweep(struct queue *q) {
    struct giveup *g = &q->giveup;
    g->is_expiry = true;
    g->state = GIVEUP_WORKING;
    next_page(q);
}

void giveup_tick(struct queue *q) {
    struct giveup *g = &q->giveup;
    uint64_t now = clock_mono_ms();
    if (!q->started || q->stopping || g->state == GIVEUP_WORKING)
        return;
    if (g->again_at > now) {
        queue_wake_at(q, g->again_at);
        return;
    }
    uint64_t sweep_at = g->sweep_at > g->grace_until ? g->sweep_at : g->grace_until;
    if (g->state == GIVEUP_WAITING)
        work_or_wait(q);
    else if (!list_is_empty(&g->wishes))
        begin_wish(q);
    else if (sweep_at <= now)
        begin_sweep(q);
    else
        queue_wake_at(q, sweep_at);
}

// ---- from outside ----

void giveup_start(struct queue *q) {
    giveup_grace(q);
}

void giveup_want(struct queue *q, struct slice destination, uint64_t due_id) {
    struct giveup *g = &q->giveup;
    if (q->stopping || (destination.len == 0 && due_id == 0))
        return;
    if (g->n_wishes == GIVEUP_WISHES_MAX) {
        log_warning("queue.given_up", "too much at a time, passed over due=%llu", (unsigned long long)due_id);
        return;
    }
    struct giveup_wish *w = MEM_NEW(struct giveup_wish);
    w->due_id = due_id;
    destination = slice_sub(destination, 0, STORE_DESTINATION_MAX);
    memcpy(w->destination, destination.ptr, destination.len);
    list_append(&g->wishes, &w->link);
    g->n_wishes++;
    queue_wake_at(q, clock_mono_ms());
}

void giveup_grace(struct queue *q) {
    q->giveup.grace_until = clock_mono_ms() + GRACE_MS;
}

void giveup_abandon(struct queue *q) {
    struct giveup *g = &q->giveup;
    LIST_FOREACH(node, &g->wishes) {
        list_remove(node);
        free(CONTAINER_OF(node, struct giveup_wish, link));
    }
    g->n_wishes = 0;
    if (g->op != NULL)
        store_op_cancel(g->op);
    g->op = NULL;
    free_page(g);
    g->state = GIVEUP_IDLE;
}
