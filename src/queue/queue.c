// SPDX-License-Identifier: MIT
#include "queue/queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/config.h"
#include "queue/backoff.h"
#include "queue/queue_internal.h"
#include "store/queue_operator_ops.h"
#include "store/queue_ops.h"

enum {
    NO_HTTPS_HOSTS_MAX = 4096,
    ANSWERED_MAX = 8192,
    ANSWERED_MS = 24 * 3600 * 1000,
    CLOCK_JUMP_S = 60, // what differs less is drift
    TICK_MAX_MS = 60 * 1000,
    RETRY_AGAIN_MS = 2000, // after trouble with the store
};

// ---- time ----

void queue_wake_at(struct queue *q, uint64_t mono_ms) {
    if (mono_ms >= q->tick_at || !q->started)
        return;
    q->tick_at = mono_ms;
    uint64_t now = clock_mono_ms();
    loop_timer_start(&q->timer, mono_ms > now ? mono_ms - now : 0);
}

static void retry_all(struct queue *q);

static int64_t clock_offset(void) {
    return clock_wall_s() - (int64_t)(clock_mono_ms() / 1000);
}

// Times in the store are of the wall clock. When it was put back, what was deferred would wait longer by that much: it
// may be tried at once. When it was put forward, letters look too old: they are tried before they are given up.
static void watch_clock(struct queue *q) {
    int64_t offset = clock_offset(), jump = offset - q->clock_offset;
    q->clock_offset = offset;
    if (jump < -CLOCK_JUMP_S) {
        log_warning("queue.clock", "the clock was put back, everything is tried again seconds=%lld", (long long)-jump);
        retry_all(q);
    } else if (jump > CLOCK_JUMP_S) {
        log_warning("queue.clock", "the clock was put forward seconds=%lld", (long long)jump);
        giveup_grace(q);
        scheduler_look(q);
    }
}

static void retry_tick(struct queue *q) {
    if (q->retry_at == 0 || q->retry != NULL || q->stopping)
        return;
    if (q->retry_at > clock_mono_ms()) {
        queue_wake_at(q, q->retry_at);
        return;
    }
    q->retry_at = 0;
    retry_all(q);
}

void queue_tick(struct queue *q) {
    q->tick_at = UINT64_MAX;
    if (q->on_stopped != NULL && q->stop_at <= clock_mono_ms() && !q->stopped_posted) {
        settle_abandon(&q->settle);
        lanes_abandon(q);
        queue_check_stopped(q);
        return;
    }
    watch_clock(q);
    retry_tick(q);
    settle_tick(&q->settle);
    lanes_tick(q);
    scheduler_tick(q);
    giveup_tick(q);
    queue_wake_at(q, clock_mono_ms() + TICK_MAX_MS);
    if (q->on_stopped != NULL)
        queue_wake_at(q, q->stop_at);
}

static void on_timer(struct loop_timer *timer) {
    queue_tick(CONTAINER_OF(timer, struct queue, timer));
}

int64_t queue_backoff(struct queue *q, uint32_t attempts) {
    const struct config *c = config_acquire(q->config);
    int64_t delay = backoff_delay(attempts, c->queue_retry_min, c->queue_retry_max, random_u64());
    config_release(q->config, c);
    return delay;
}

int64_t queue_lifetime_s(struct queue *q) {
    const struct config *c = config_acquire(q->config);
    int64_t lifetime = (int64_t)c->queue_lifetime_hours * 3600;
    config_release(q->config, c);
    return lifetime;
}

// ---- life ----

static void wake_settle(void *arg, uint64_t mono_ms) {
    queue_wake_at(arg, mono_ms);
}

static void on_bounced(void *arg, size_t recipients) {
    struct queue *q = arg;
    (void)atomic_fetch_add_explicit(&q->counters.bounced, recipients, memory_order_relaxed);
}

static void on_settlement_ended(void *arg) {
    queue_check_stopped(arg);
}

struct queue *queue_new(const struct queue_settings *s) {
    ASSERT(s->https != NULL || s->smtp != NULL);
    struct queue *q = MEM_NEW(struct queue);
    q->config = s->config;
    q->store = s->store;
    q->loop = s->loop;
    q->post = (struct courier_post){
        .loop = s->loop,
        .routes = s->routes,
        .transports = {[COURIER_HTTPS] = s->https, [COURIER_SMTP] = s->smtp},
        .no_https = memory_new(NO_HTTPS_HOSTS_MAX, QUEUE_NO_HTTPS_MS),
    };
    q->answered = memory_new(ANSWERED_MAX, ANSWERED_MS);
    q->settle = (struct settle_office){
        .config = s->config,
        .store = s->store,
        .loop = s->loop,
        .wake_at = wake_settle,
        .on_bounced = on_bounced,
        .on_ended = on_settlement_ended,
        .arg = q,
    };
    settle_office_init(&q->settle);
    letter_index_init(&q->letters);
    lanes_init(&q->lanes, s->max_lanes > 0 ? s->max_lanes : QUEUE_LANES_MAX);
    giveup_init(&q->giveup);
    loop_timer_init(&q->timer, q->loop, on_timer);
    q->tick_at = UINT64_MAX;
    q->inbox = inbox_new(q);
    store_set_on_queue(q->store, inbox_on_store, q->inbox);
    queue_metrics_open(q);
    return q;
}

void queue_start(struct queue *q) {
    ASSERT(!q->started);
    q->started = true;
    q->clock_offset = clock_offset();
    scheduler_start(q);
    giveup_start(q);
    queue_wake_at(q, clock_mono_ms());
}

// ---- trying again ----

// The store's news say what there is to do. What it did not take is not forgotten: after a clock that was put back a
// letter would wait as long as that.
static void on_retried(struct store_op *op) {
    struct queue *q = op->arg;
    bool failed = op->status != STORE_OK && op->status != STORE_NOT_FOUND;
    q->retry = NULL;
    store_op_free(op);
    if (failed)
        q->retry_at = clock_mono_ms() + RETRY_AGAIN_MS;
    if (q->retry_at != 0)
        queue_wake_at(q, q->retry_at);
}

// One at a time; what comes meanwhile has its turn behind it.
static void retry_all(struct queue *q) {
    if (q->retry != NULL) {
        q->retry_at = clock_mono_ms();
        return;
    }
    q->retry = &store_queue_retry_new(SLICE_EMPTY, clock_wall_s())->op;
    store_op_submit(q->store, q->loop, q->retry, on_retried, q);
}

// ---- stopping ----

static void run_stopped(struct loop_task *task) {
    struct queue *q = CONTAINER_OF(task, struct queue, stopped);
    void (*on_stopped)(void *arg) = q->on_stopped;
    q->stopped_posted = false;
    q->on_stopped = NULL;
    if (on_stopped != NULL)
        on_stopped(q->on_stopped_arg);
}

void queue_check_stopped(struct queue *q) {
    if (q->on_stopped == NULL || q->stopped_posted || q->lanes.n > 0 || q->settle.n > 0)
        return;
    loop_timer_stop(&q->timer);
    q->tick_at = 0; // no more
    q->stopped_posted = true;
    q->stopped.run = run_stopped;
    loop_post(q->loop, &q->stopped);
}

void queue_stop(struct queue *q, uint32_t ms, void (*done)(void *arg), void *arg) {
    ASSERT(q->on_stopped == NULL);
    q->stopping = true;
    q->on_stopped = done;
    q->on_stopped_arg = arg;
    q->stop_at = clock_mono_ms() + ms;
    scheduler_abandon(q);
    giveup_abandon(q);
    queue_wake_at(q, q->stop_at);
    lanes_stop(q);
    queue_check_stopped(q);
}

void queue_free(struct queue *q) {
    if (q == NULL)
        return;
    q->stopping = true;
    ASSERT(!q->stopped_posted);
    queue_metrics_close(q);
    if (q->retry != NULL)
        store_op_cancel(q->retry);
    scheduler_abandon(q);
    giveup_abandon(q);
    settle_abandon(&q->settle);
    lanes_abandon(q);
    inbox_close(q->inbox);
    loop_timer_done(&q->timer);
    memory_free(q->post.no_https);
    memory_free(q->answered);
    free(q);
}

// ---- from other threads ----

void queue_give_up(struct queue *q, struct slice destination, uint64_t due_id) {
    inbox_give_up(q->inbox, destination, due_id);
}

void queue_count(const struct queue *q, struct queue_counters *ret) {
    *ret = (struct queue_counters){
        .delivered_https = atomic_load_explicit(&q->counters.delivered[COURIER_HTTPS], memory_order_relaxed),
        .delivered_smtp = atomic_load_explicit(&q->counters.delivered[COURIER_SMTP], memory_order_relaxed),
        .deferred = atomic_load_explicit(&q->counters.deferred, memory_order_relaxed),
        .bounced = atomic_load_explicit(&q->counters.bounced, memory_order_relaxed),
        .failed_attempts = atomic_load_explicit(&q->counters.failed_attempts, memory_order_relaxed),
        .lanes = atomic_load_explicit(&q->counters.lanes, memory_order_relaxed),
        .letters = atomic_load_explicit(&q->counters.letters, memory_order_relaxed),
    };
}
