// SPDX-License-Identifier: MIT
// Outcomes are committed together, one operation at a time; a flight keeps its place until that is done, so that
// nothing is asked for twice and nothing heaps up.
#include "base/clock.h"
#include "push/push_internal.h"

static void add(struct store_push_settle *op, const struct flight *f) {
    const struct store_push *row = &f->row;
    switch (f->outcome) {
    case STORE_PUSH_DONE:
        store_push_settle_done(op, row->token_id, row->asked_ms, f->covered_ms);
        break;
    case STORE_PUSH_GONE:
        store_push_settle_gone(op, row->token_id);
        break;
    case STORE_PUSH_RETRY:
        store_push_settle_retry(op, row->token_id, row->asked_ms, f->covered_ms, f->next_ms, row->tries);
        break;
    }
}

// When it has failed (logged there), all of them wait and are settled again.
static void on_settled(struct store_op *op) {
    struct push *p = op->arg;
    bool failed = op->status != STORE_OK;
    p->settle = NULL;
    store_op_free(op);
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++) {
        struct flight *f = &p->flights[i];
        if (f->state != FLIGHT_SETTLING)
            continue;
        if (failed)
            f->state = FLIGHT_DONE;
        else
            flight_drop(f);
    }
    if (failed)
        p->settle_at = clock_mono_ms() + PUSH_STORE_RETRY_MS;
    p->is_dirty = true; // who asked meanwhile, or was passed over for want of room
    push_look(p);
}

void push_settle_tick(struct push *p) {
    if (p->settle != NULL || push_count(p, FLIGHT_DONE) == 0)
        return;
    if (clock_mono_ms() < p->settle_at) {
        push_look_at(p, p->settle_at);
        return;
    }
    struct store_push_settle *op = store_push_settle_new();
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++) {
        struct flight *f = &p->flights[i];
        if (f->state != FLIGHT_DONE)
            continue;
        add(op, f);
        f->state = FLIGHT_SETTLING;
    }
    p->settle = &op->op;
    store_op_submit(p->s.store, p->s.loop, p->settle, on_settled, p);
}

void push_settle_abandon(struct push *p) {
    if (p->settle != NULL)
        store_op_cancel(p->settle);
    p->settle = NULL;
}
