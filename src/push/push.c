// SPDX-License-Identifier: MIT
#include "push/push.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "push/counts.h"
#include "push/push_internal.h"
#include "push/tries.h"

enum { TICK_MAX_MS = 60 * 1000 }; // the wall clock may be set meanwhile

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

// ---- flights ----

size_t push_count(const struct push *p, enum flight_state state) {
    size_t n = 0;
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++)
        n += p->flights[i].state == state;
    return n;
}

static struct flight *find(struct push *p, enum flight_state state) {
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++)
        if (p->flights[i].state == state)
            return &p->flights[i];
    return NULL;
}

// How many more may be taken of each kind.
struct room {
    size_t all, first, retries;
};

static struct room room_of(const struct push *p) {
    struct room r = {.first = PUSH_FIRSTS_MAX, .retries = PUSH_RETRIES_MAX};
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++) {
        const struct flight *f = &p->flights[i];
        // By what it was when it was loaded; a try that has failed was counted since.
        bool was_first = f->row.tries == (f->outcome == STORE_PUSH_RETRY ? 1 : 0);
        if (f->state == FLIGHT_FREE)
            r.all++;
        else if (was_first)
            r.first -= r.first > 0;
        else
            r.retries -= r.retries > 0;
    }
    r.first = min(r.first, r.all);
    r.retries = min(r.retries, r.all);
    return r;
}

static void drop_ready(struct push *p) {
    struct flight *f;
    while ((f = find(p, FLIGHT_READY)) != NULL)
        flight_drop(f);
    p->is_dirty = true;
}

static void start_ready(struct push *p) {
    struct flight *f = find(p, FLIGHT_READY);
    if (f == NULL || !gateway_find(&p->gateway))
        return;
    for (; f != NULL; f = find(p, FLIGHT_READY))
        flight_start(f);
}

static void on_found(void *arg, bool found) {
    struct push *p = arg;
    if (!found) {
        counts_no_address();
        pace_unreachable(&p->pace, clock_mono_ms());
        push_tell_trouble(p, "no address", 0);
        drop_ready(p);
    }
    push_look(p);
}

// ---- loading ----

// One row of a load: what needs no request is settled at once, and what may not begin now is left where it is.
static void take(struct push *p, struct store_push *row, size_t *permits) {
    struct flight *f = find(p, FLIGHT_FREE);
    if (f == NULL) {
        p->is_dirty = true;
        return;
    }
    int64_t covered_ms = 0;
    enum recent_outcome recent = recent_find(p->recent, row->token_id, row->asked_ms, &covered_ms);
    if (tries_is_late(row->asked_ms, clock_wall_ms())) {
        flight_board(f, row);
        flight_give_up(f);
    } else if (recent == RECENT_TOLD) {
        flight_board(f, row);
        flight_is_covered(f, covered_ms);
    } else if (recent == RECENT_FAILED && row->tries == 0) {
        flight_board(f, row);
        flight_shares_failure(f, covered_ms);
    } else if (*permits == 0) {
        p->is_dirty = true;
    } else {
        (*permits)--;
        flight_board(f, row);
    }
}

static void on_loaded(struct store_op *op) {
    struct push *p = op->arg;
    struct store_push_load *l = CONTAINER_OF(op, struct store_push_load, op);
    p->load = NULL;
    if (op->status != STORE_OK) { // logged there
        p->load_at = clock_mono_ms() + PUSH_STORE_RETRY_MS;
        p->is_dirty = true;
    } else {
        size_t permits = pace_permits(&p->pace, clock_mono_ms(), p->n_asking, PUSH_FLIGHTS_MAX);
        for (size_t i = 0; i < l->ret_n; i++)
            take(p, &l->ret_pushes[i], &permits);
        struct room room = room_of(p);
        if ((l->ret_more_first && room.first > 0) || (l->ret_more_retries && room.retries > 0))
            p->is_dirty = true; // without room, the next settling says so
        p->next_ms = l->ret_next_ms;
    }
    store_op_free(op);
    push_look(p);
}

static void submit_load(struct push *p, const struct room *room) {
    struct store_push_load *l = store_push_load_new(clock_wall_ms(), room->first, room->retries);
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++)
        if (p->flights[i].state != FLIGHT_FREE)
            store_push_load_skip(l, p->flights[i].row.token_id);
    p->is_dirty = false;
    p->next_ms = 0;
    p->load = &l->op;
    store_op_submit(p->s.store, p->s.loop, p->load, on_loaded, p);
}

static void drop_load(struct push *p) {
    if (p->load != NULL)
        store_op_cancel(p->load);
    p->load = NULL;
}

static bool is_load_wanted(struct push *p) {
    if (p->is_dirty)
        return true;
    if (p->next_ms == 0)
        return false;
    int64_t wait = p->next_ms - clock_wall_ms();
    if (wait > 0)
        push_look_at(p, clock_mono_ms() + (uint64_t)wait);
    return wait <= 0;
}

static void load_tick(struct push *p) {
    uint64_t now = clock_mono_ms();
    struct room room = room_of(p);
    // Those that are ready wait for an address: so would all others.
    if (!gateway_is_there(&p->gateway) || p->load != NULL || push_count(p, FLIGHT_READY) > 0 || !is_load_wanted(p))
        return;
    if (room.first + room.retries == 0) // until a flight ends
        return;
    uint64_t at = pace_next_at(&p->pace, now);
    at = at > p->load_at ? at : p->load_at;
    if (at > now)
        push_look_at(p, at);
    else if (pace_permits(&p->pace, now, p->n_asking, PUSH_FLIGHTS_MAX) > 0) // else until a flight ends
        submit_load(p, &room);
}

// ---- what the operator is told ----

// A gateway that fails now and then is worth one line a minute.
void push_tell_trouble(struct push *p, const char *why, unsigned status) {
    uint64_t now = clock_mono_ms();
    counts_gateway_fails(true);
    if (p->trouble_told || now < p->tell_trouble_at)
        return;
    p->trouble_told = true;
    p->tell_trouble_at = now + PUSH_TELL_MS;
    if (status != 0)
        log_warning("push.gateway_fails", "status=%u; others wait until it answers", status);
    else
        log_warning("push.gateway_fails", "reason=\"%s\"; others wait until it answers", why);
}

void push_tell_answer(struct push *p, uint32_t failures) {
    counts_gateway_fails(false);
    if (p->trouble_told)
        log_info("push.gateway_answers", "failures=%u", failures);
    p->trouble_told = false;
}

static void tell_given_up(struct push *p) {
    uint64_t now = clock_mono_ms();
    if (p->given_up == 0)
        return;
    if (now < p->tell_at) {
        push_look_at(p, p->tell_at);
        return;
    }
    log_warning("push.given_up", "count=%llu", (unsigned long long)p->given_up);
    p->given_up = 0;
    p->tell_at = now + PUSH_TELL_MS;
}

// ---- time ----

static void check_stopped(struct push *p);

void push_tick(struct push *p) {
    p->tick_at = UINT64_MAX;
    if (!p->started)
        return;
    push_settle_tick(p);
    if (p->stopping) {
        check_stopped(p);
        return;
    }
    start_ready(p);
    load_tick(p);
    tell_given_up(p);
    push_look_at(p, clock_mono_ms() + TICK_MAX_MS);
}

static void on_timer(struct loop_timer *timer) {
    push_tick(CONTAINER_OF(timer, struct push, timer));
}

void push_look_at(struct push *p, uint64_t mono_ms) {
    if (!p->started || mono_ms >= p->tick_at)
        return;
    p->tick_at = mono_ms;
    uint64_t now = clock_mono_ms();
    loop_timer_start(&p->timer, mono_ms > now ? mono_ms - now : 0);
}

void push_look(struct push *p) {
    push_look_at(p, 0);
}

// ---- configuration ----

static void configure(struct push *p) {
    const char *why = NULL;
    const struct config *c = config_acquire(p->s.config);
    bool is_wanted = gateway_is_wanted(c, p->s.has_place_in_dns, &why);
    bool is_other = gateway_use(&p->gateway, is_wanted ? c : NULL);
    config_release(p->s.config, c);
    if (why != NULL && !p->was_refused)
        log_warning("push.off", "push_gateway cannot be used: %s", why);
    p->was_refused = why != NULL;
    store_set_push_enabled(p->s.store, is_wanted);
    if (!is_other)
        return;
    p->pace = (struct pace){0};
    p->trouble_told = false;
    counts_gateway_fails(false);
    if (!is_wanted) {
        drop_load(p);
        drop_ready(p);
    }
    p->is_dirty = true;
    push_look(p);
}

static void on_rung(void *arg, enum bell_reason reason) {
    struct push *p = arg;
    if (p->stopping) // the store has it all
        return;
    switch (reason) {
    case BELL_DUE:
        p->is_dirty = true;
        push_look(p);
        break;
    case BELL_CONFIG:
        configure(p);
        break;
    case BELL_REASONS:
        break;
    }
}

static void on_push(void *arg) {
    push_wake(arg);
}

void push_wake(struct push *p) {
    bell_ring(p->bell, BELL_DUE);
}

void push_reload(struct push *p) {
    bell_ring(p->bell, BELL_CONFIG);
}

// ---- life ----

struct push *push_new(const struct push_settings *s) {
    struct push *p = MEM_NEW(struct push);
    p->s = *s;
    p->tick_at = UINT64_MAX;
    counts_register();
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++)
        p->flights[i].push = p;
    gateway_init(&p->gateway, s->loop, s->dns, s->tls, on_found, p);
    p->recent = recent_new(RECENT_MAX);
    p->bell = bell_new(s->loop, on_rung, p);
    loop_timer_init(&p->timer, s->loop, on_timer);
    store_set_on_push(s->store, on_push, p);
    configure(p);
    return p;
}

void push_start(struct push *p) {
    ASSERT(!p->started);
    p->started = true;
    p->is_dirty = true;
    push_look(p);
}

static void abandon(struct push *p) {
    push_settle_abandon(p);
    for (size_t i = 0; i < PUSH_FLIGHTS_MAX; i++)
        flight_drop(&p->flights[i]);
}

static void run_stopped(struct loop_task *task) {
    struct push *p = CONTAINER_OF(task, struct push, stopped);
    void (*on_stopped)(void *arg) = p->on_stopped;
    p->stopped_posted = false;
    p->on_stopped = NULL;
    on_stopped(p->on_stopped_arg);
}

static void check_stopped(struct push *p) {
    if (p->on_stopped == NULL || p->stopped_posted)
        return;
    if (clock_mono_ms() >= p->stop_at)
        abandon(p);
    if (push_count(p, FLIGHT_FREE) < PUSH_FLIGHTS_MAX) {
        push_look_at(p, p->stop_at);
        return;
    }
    loop_timer_stop(&p->timer);
    p->tick_at = 0; // no more
    p->stopped_posted = true;
    p->stopped.run = run_stopped;
    loop_post(p->s.loop, &p->stopped);
}

void push_stop(struct push *p, uint32_t ms, void (*done)(void *arg), void *arg) {
    ASSERT(!p->stopping);
    p->stopping = true;
    p->on_stopped = done;
    p->on_stopped_arg = arg;
    p->stop_at = clock_mono_ms() + ms;
    drop_load(p);
    drop_ready(p);
    check_stopped(p);
}

void push_free(struct push *p) {
    if (p == NULL)
        return;
    ASSERT(!p->stopped_posted);
    drop_load(p);
    abandon(p);
    gateway_done(&p->gateway);
    loop_timer_done(&p->timer);
    bell_free(p->bell);
    recent_free(p->recent);
    free(p);
}
