// SPDX-License-Identifier: MIT
// What came of a lane's letters: settled, put off, or given back to the store because nobody was reached.
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/lane_internal.h"
#include "queue/words.h"

enum { STORE_RETRY_MS = 2000 };

static void count(_Atomic uint64_t *counter, uint64_t n) {
    (void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

// ---- settling ----

static void on_settle_trouble(void *arg) {
    struct lane *lane = arg;
    lane->in_trouble = true;
}

static void on_settled(void *arg) {
    struct lane *lane = arg;
    lane->n_settling--;
    lane->in_trouble = false;
    lane_pump(lane);
}

// What is put off now although its time is over, or the operator has given it up, is not put off again.
static void end_of_patience(struct lane *lane, struct letter *l) {
    bool is_old =
        clock_wall_s() - l->due.created > queue_lifetime_s(lane->q) && clock_mono_ms() >= lane->q->giveup.grace_until;
    if (!is_old && !l->give_up)
        return;
    for (size_t i = 0; i < l->due.n_recipients; i++) {
        if (l->outcomes[i].fate != LETTER_LATER)
            continue;
        char *reply = slice_dup(slice_from_cstr(l->outcomes[i].reply));
        letter_set_outcome(l, i, LETTER_NEVER, slice_from_cstr(reply));
        free(reply);
    }
}

static void settle(struct lane *lane, struct letter *l, bool is_alive) {
    struct queue *q = lane->q;
    end_of_patience(lane, l);
    struct settle_order order = {
        .letter = l,
        .alive = is_alive,
        .next_at = clock_wall_s() + queue_backoff(q, l->due.attempts + 1),
        .on_trouble = on_settle_trouble,
        .on_done = on_settled,
        .arg = lane,
    };
    if (letter_count(l, LETTER_LATER) > 0)
        scheduler_expect(q, order.next_at);
    lane->n_settling++;
    settle_begin(&q->settle, &order);
}

// ---- the destination cannot be reached ----

static void on_deferred(struct store_op *op) {
    struct lane *lane = op->arg;
    enum store_status status = op->status;
    lane->defer = NULL;
    store_op_free(op);
    if (status == STORE_OK) {
        scheduler_expect(lane->q, lane->next_at);
    } else if (status == STORE_NOT_FOUND) {
        lane->state = LANE_ENDING; // nothing waited any more; what came since must not wait either
    } else {
        lane->defer_at = clock_mono_ms() + STORE_RETRY_MS;
        queue_wake_at(lane->q, lane->defer_at);
    }
    lane_pump(lane);
}

void lane_submit_defer(struct lane *lane) {
    lane->defer_at = 0;
    struct store_queue_defer *d = store_queue_defer_new(slice_from_cstr(lane->destination), clock_wall_s(),
                                                        lane->next_at, slice_from_cstr(lane->why));
    lane->defer = &d->op;
    store_op_submit(lane->q->store, lane->q->loop, lane->defer, on_deferred, lane);
}

// The letter goes back to the store, unless some of its recipients have it already.
static void put_back(struct lane *lane, struct letter *l, const char *why) {
    size_t taken = letter_count(l, LETTER_TAKEN);
    if (taken > 0) { // by HTTPS, which takes some and refuses others
        count(&lane->q->counters.delivered[COURIER_HTTPS], taken);
        letter_set_rest(l, LETTER_LATER, slice_from_cstr(why));
        settle(lane, l, false);
        return;
    }
    uint64_t due_id = l->due.id;
    bool give_up = l->give_up;
    letter_free(l);
    if (give_up)
        giveup_want(lane->q, slice_from_cstr(lane->destination), due_id);
}

void lane_fail(struct lane *lane, const char *why, const char *error) {
    struct queue *q = lane->q;
    int64_t delay = queue_backoff(q, lane->failures + 1);
    char words[WORDS_MAX];
    words_for_log(slice_from_cstr(error), words);
    log_info("queue.deferred",
             "delivery attempt failed, destination deferred: due=%llu failures=%u next_s=%lld error=\"%s\"",
             (unsigned long long)(lane->current != NULL ? lane->current->due.id : 0), lane->failures + 1,
             (long long)delay, words);
    log_debug("queue.deferred", "destination=%s why=\"%s\"", lane->destination, why);
    count(&q->counters.failed_attempts, 1);
    lane->state = LANE_DEFERRING;
    lane->next_at = clock_wall_s() + delay;
    lane->why = slice_dup(slice_from_cstr(why));
    courier_done(&lane->courier);
    lane_release_letters(lane);
    struct letter *l = lane->current;
    lane->current = NULL;
    if (l != NULL)
        put_back(lane, l, why);
    lane_submit_defer(lane);
}

// ---- sending ----

static void note_answer(struct lane *lane, const struct letter *l, const struct courier_end *e) {
    struct queue *q = lane->q;
    size_t taken = letter_count(l, LETTER_TAKEN), later = letter_count(l, LETTER_LATER);
    lane_set_proven(lane);
    memory_remember(q->answered, lane->destination);
    count(&q->counters.delivered[COURIER_HTTPS], e->n_https);
    count(&q->counters.delivered[COURIER_SMTP], taken - e->n_https);
    count(&q->counters.deferred, later);
    log_info("queue.answered", "due=%llu transport=%s delivered=%zu deferred=%zu failed=%zu",
             (unsigned long long)l->due.id, q->post.transports[e->by]->name, taken, later,
             letter_count(l, LETTER_NEVER));
}

static void note_unreadable(struct lane *lane, struct letter *l) {
    if (l->read_status == STORE_NOT_FOUND && letter_count(l, LETTER_TAKEN) == 0) { // settled elsewhere
        letter_free(l);
        return;
    }
    log_error("queue.unreadable", "due=%llu the message cannot be read status=%d", (unsigned long long)l->due.id,
              (int)l->read_status);
    letter_set_rest(l, LETTER_LATER, SLICE("451 4.3.0 Local error: the message cannot be read"));
    settle(lane, l, false);
}

static void on_attempt_end(void *arg, const struct courier_end *e) {
    struct lane *lane = arg;
    struct letter *l = lane->current;
    if (e->result == COURIER_UNREACHABLE) {
        lane_fail(lane, e->why.text, e->error);
        lane_pump(lane);
        return;
    }
    lane->current = NULL;
    lane->n_sent++;
    lane_wait_anew(lane);
    if (e->result == COURIER_UNREADABLE) {
        note_unreadable(lane, l);
    } else {
        if (e->result == COURIER_ANSWERED)
            note_answer(lane, l, e);
        else
            log_info("queue.no_route", "due=%llu failed=%zu code=%u", (unsigned long long)l->due.id,
                     letter_count(l, LETTER_NEVER), e->why.code);
        settle(lane, l, e->result == COURIER_ANSWERED);
    }
    lane_pump(lane);
}

void lane_send_next(struct lane *lane) {
    lane->current = CONTAINER_OF(list_take_first(&lane->letters), struct letter, link);
    lane->n_letters--;
    courier_send(&lane->courier, lane->current, on_attempt_end, lane);
}
