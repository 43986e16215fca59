// SPDX-License-Identifier: MIT
// The steps of one settlement, each of which may fail and is then done again from the same step, or from an earlier one
// when what it made is used up:
//
//   [taken: commit who has it] -> read the start of the body -> write the bounce -> commit the rest with it
//
// or, without a bounce, one commit alone.
#include "queue/settle.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "queue/bounce.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 60 * 1000 };

enum settle_step {
    STEP_TAKEN,  // who has it, at once
    STEP_START,  // the beginning of the body, for the bounce
    STEP_BOUNCE, // the bounce's own body is finished
    STEP_REST,
};

struct settlement {
    struct list link;
    struct settle_office *office;
    struct settle_order order;
    enum settle_step step;
    struct store_op *op;
    struct store_body *body; // of the bounce
    bool body_is_ready;
    bool wants_bounce;
    uint32_t failures;
    uint64_t retry_at; // monotonic, ms; 0: it does not wait
};

static void run(struct settlement *s);

void settle_office_init(struct settle_office *o) {
    list_init(&o->all);
    o->n = 0;
}

static void settlement_free(struct settlement *s) {
    if (s->op != NULL)
        store_op_cancel(s->op);
    store_body_free(s->body);
    letter_free(s->order.letter);
    list_remove(&s->link);
    s->office->n--;
    free(s);
}

static void fail(struct settlement *s, enum store_status status) {
    uint64_t wait = RETRY_FIRST_MS;
    for (uint32_t i = 0; i < s->failures && wait < RETRY_MAX_MS; i++)
        wait *= 2;
    wait = wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS;
    if (s->failures++ == 0)
        log_warning("queue.settle", "due=%llu the store does not take what came of it, asked again status=%d",
                    (unsigned long long)s->order.letter->due.id, (int)status);
    store_body_free(s->body);
    s->body = NULL;
    s->body_is_ready = false;
    if (s->step == STEP_BOUNCE || (s->step == STEP_REST && s->wants_bounce))
        s->step = STEP_START;
    s->retry_at = clock_mono_ms() + wait;
    s->office->wake_at(s->office->arg, s->retry_at);
    s->order.on_trouble(s->order.arg);
}

static void finish(struct settlement *s) {
    struct settle_office *o = s->office;
    struct settle_order order = s->order;
    settlement_free(s); // with the letter: it may be loaded again now, if anything is left of it
    order.on_done(order.arg);
    o->on_ended(o->arg);
}

// ---- commits ----

static void keep(const struct settlement *s, struct store_queue_settle *e, size_t i, enum letter_fate fate,
                 int64_t next_at) {
    const struct letter *l = s->order.letter;
    for (size_t r = 0; r < l->due.n_recipients; r++)
        if (l->outcomes[r].fate == fate)
            store_queue_settle_keep(e, i, slice_from_cstr(l->due.recipients[r]), next_at,
                                    slice_from_cstr(l->outcomes[r].reply));
}

static void on_taken_committed(struct store_op *op) {
    struct settlement *s = op->arg;
    enum store_status status = op->status;
    s->op = NULL;
    store_op_free(op);
    if (status != STORE_OK) {
        fail(s, status);
        return;
    }
    s->step = STEP_START;
    run(s);
}

// Those who failed are kept until they have their bounce; after a crash they are tried again, and fail again.
static void commit_taken(struct settlement *s) {
    struct store_queue_settle *e = store_queue_settle_new();
    size_t i = store_queue_settle_add(e, s->order.letter->due.id);
    e->alive = s->order.alive;
    keep(s, e, i, LETTER_LATER, s->order.next_at);
    keep(s, e, i, LETTER_NEVER, clock_wall_s());
    s->op = &e->op;
    store_op_submit(s->office->store, s->office->loop, s->op, on_taken_committed, s);
}

static void note_bounce(struct settlement *s, const struct store_settle_due *d) {
    if (d->bounce == NULL || !d->ret_found)
        return;
    const struct letter *l = s->order.letter;
    enum store_delivery_outcome outcome = d->bounce->deliveries[0].ret_outcome;
    bool was_told = outcome == STORE_DELIVERED || outcome == STORE_DUPLICATE;
    log_info("queue.bounced", "due=%llu recipients=%zu sender_told=%s", (unsigned long long)l->due.id,
             letter_count(l, LETTER_NEVER), was_told ? "yes" : "no");
    s->office->on_bounced(s->office->arg, letter_count(l, LETTER_NEVER));
}

static void on_rest_committed(struct store_op *op) {
    struct settlement *s = op->arg;
    struct store_queue_settle *e = CONTAINER_OF(op, struct store_queue_settle, op);
    enum store_status status = op->status;
    s->op = NULL;
    if (status == STORE_OK)
        note_bounce(s, &e->dues[0]);
    store_op_free(op);
    if (status == STORE_OK)
        finish(s);
    else
        fail(s, status);
}

static struct store_deliver *make_delivery(struct settlement *s) {
    uint8_t identity[QUEUE_BOUNCE_ID_SIZE];
    queue_bounce_identity(s->order.letter, identity);
    struct store_deliver *d = store_deliver_new(s->body, identity);
    s->body = NULL;
    s->body_is_ready = false;
    store_deliver_add_account(d, s->order.letter->due.sender_id);
    return d;
}

static void commit_rest(struct settlement *s) {
    struct store_queue_settle *e = store_queue_settle_new();
    size_t i = store_queue_settle_add(e, s->order.letter->due.id);
    e->alive = s->order.alive;
    keep(s, e, i, LETTER_LATER, s->order.next_at);
    if (s->body_is_ready)
        store_queue_settle_bounce(e, i, make_delivery(s));
    s->op = &e->op;
    store_op_submit(s->office->store, s->office->loop, s->op, on_rest_committed, s);
}

// ---- the bounce ----

static void on_bounce_finished(void *arg, enum store_status status) {
    struct settlement *s = arg;
    if (status != STORE_OK) {
        fail(s, status);
        return;
    }
    s->body_is_ready = true;
    s->step = STEP_REST;
    run(s);
}

static void write_bounce(struct settlement *s, struct slice start) {
    struct settle_office *o = s->office;
    const struct config *config = config_acquire(o->config);
    struct buf text;
    buf_init(&text, QUEUE_BOUNCE_MAX);
    bool ok = queue_bounce_write(s->order.letter, slice_from_cstr(config->mail_domain), start, clock_wall_s(), &text);
    config_release(o->config, config);
    ASSERT(ok); // everything in it is bounded
    s->step = STEP_BOUNCE;
    s->body = store_body_new(o->store, o->loop);
    (void)store_body_write(s->body, buf_slice(&text)); // one write: nothing to pause
    buf_done(&text);
    store_body_finish(s->body, on_bounce_finished, s);
}

// Without the beginning of the body the bounce says the same, but for the header.
static void on_start_read(struct store_op *op) {
    struct settlement *s = op->arg;
    struct store_body_read *r = CONTAINER_OF(op, struct store_body_read, op);
    s->op = NULL;
    write_bounce(s, op->status == STORE_OK ? slice_make(r->ret_data, r->ret_data_len) : SLICE_EMPTY);
    store_op_free(op);
}

static void read_start(struct settlement *s) {
    uint64_t size = s->order.letter->due.body_size;
    size_t len = size < QUEUE_BOUNCE_HEADER_MAX ? (size_t)size : QUEUE_BOUNCE_HEADER_MAX;
    s->op = &store_body_read_due_new(&s->order.letter->due, 0, len)->op;
    store_op_submit(s->office->store, s->office->loop, s->op, on_start_read, s);
}

// ---- steps ----

static void run(struct settlement *s) {
    switch (s->step) {
    case STEP_TAKEN:
        commit_taken(s);
        break;
    case STEP_START:
        read_start(s);
        break;
    case STEP_BOUNCE:
        UNREACHABLE(); // on_bounce_finished() goes on
    case STEP_REST:
        commit_rest(s);
        break;
    }
}

void settle_begin(struct settle_office *o, const struct settle_order *order) {
    const struct letter *l = order->letter;
    ASSERT(letter_count(l, LETTER_OPEN) == 0);
    struct settlement *s = MEM_NEW(struct settlement);
    s->office = o;
    s->order = *order;
    s->wants_bounce = queue_bounce_is_due(l);
    list_append(&o->all, &s->link);
    o->n++;
    if (!s->wants_bounce)
        s->step = STEP_REST;
    else
        s->step = letter_count(l, LETTER_TAKEN) > 0 ? STEP_TAKEN : STEP_START;
    if (!s->wants_bounce && letter_count(l, LETTER_NEVER) > 0)
        log_info("queue.dropped", "due=%llu recipients=%zu nobody is told: %s", (unsigned long long)l->due.id,
                 letter_count(l, LETTER_NEVER),
                 l->due.reverse_path[0] == '\0' ? "null reverse-path" : "not from an account of ours");
    run(s);
}

void settle_tick(struct settle_office *o) {
    uint64_t now = clock_mono_ms();
    LIST_FOREACH(node, &o->all) {
        struct settlement *s = CONTAINER_OF(node, struct settlement, link);
        if (s->retry_at == 0)
            continue;
        if (s->retry_at > now) {
            o->wake_at(o->arg, s->retry_at);
            continue;
        }
        s->retry_at = 0;
        run(s);
    }
}

void settle_each(const struct settle_office *o, const char *destination, void (*on_letter)(void *arg, struct letter *l),
                 void *arg) {
    LIST_FOREACH(node, &o->all) {
        struct settlement *s = CONTAINER_OF(node, struct settlement, link);
        if (strcmp(s->order.letter->due.destination, destination) == 0)
            on_letter(arg, s->order.letter);
    }
}

void settle_abandon(struct settle_office *o) {
    LIST_FOREACH(node, &o->all)
    settlement_free(CONTAINER_OF(node, struct settlement, link));
}

bool settle_awaits_store(const struct settle_office *o) {
    LIST_FOREACH(node, &o->all)
    if (CONTAINER_OF(node, struct settlement, link)->retry_at == 0)
        return true;
    return false;
}
