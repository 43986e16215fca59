// SPDX-License-Identifier: MIT
#include "martlet/relay/pulse.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "martlet/host/crew.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/worker.h"
#include "store/store.h"

enum { LOG_AFTER_INTERVALS = 2, STORE_INTERVALS = 12, NO_LISTENER = -1 };

enum beat_state {
    BEAT_ANSWERED,
    BEAT_ASKED,  // the task is posted
    BEAT_DENIED, // it ran, and a listener was dead; asked again at the next tick
};

// One of each loop. While BEAT_ASKED it belongs to the loop's thread, otherwise to the main one.
struct beat {
    struct loop_task task;
    struct pulse *pulse;
    struct loop *loop;
    const char *name;
    _Atomic int state;
    _Atomic int dead_listener; // index, or NO_LISTENER
};

struct pulse {
    struct pulse_settings s;
    uint64_t began_ms, ticked_ms;
    bool is_asked, is_logged;
    uint64_t store_asked_ms; // all of the store had answered before
    bool is_store_logged;
    size_t n_beats;
    struct beat beats[];
};

static void on_beat(struct loop_task *task) {
    struct beat *b = CONTAINER_OF(task, struct beat, task);
    const struct pulse_settings *s = &b->pulse->s;
    int dead = NO_LISTENER;
    for (size_t i = 0; i < s->n_listeners; i++)
        if (listener_loop(s->listeners[i]) == b->loop && !listener_is_alive(s->listeners[i]))
            dead = (int)i;
    atomic_store(&b->dead_listener, dead);
    atomic_store(&b->state, dead == NO_LISTENER ? BEAT_ANSWERED : BEAT_DENIED);
}

static void ask_loop(struct beat *b) {
    atomic_store(&b->state, BEAT_ASKED);
    loop_post(b->loop, &b->task);
}

struct pulse *pulse_new(const struct pulse_settings *s) {
    size_t n = 0;
    ASSERT(s->n_crews <= PULSE_CREWS_MAX);
    for (size_t i = 0; i < s->n_crews; i++)
        n += crew_size(s->crews[i]);
    struct pulse *p = mem_zalloc(1, sizeof(*p) + n * sizeof(struct beat));
    p->s = *s;
    for (size_t i = 0; i < s->n_crews; i++)
        for (size_t k = 0; k < crew_size(s->crews[i]); k++) {
            struct beat *b = &p->beats[p->n_beats++];
            *b = (struct beat){.task = {.run = on_beat},
                               .pulse = p,
                               .loop = crew_loops(s->crews[i])[k],
                               .name = crew_name(s->crews[i], k),
                               .dead_listener = NO_LISTENER};
        }
    return p;
}

static void call_roll(struct pulse *p, uint64_t now_ms) {
    p->is_asked = true;
    p->is_logged = false;
    p->began_ms = now_ms;
    for (size_t i = 0; i < p->n_beats; i++)
        ask_loop(&p->beats[i]);
    worker_pool_call_roll(p->s.workers);
}

// Who owes an answer still owes it.
static void call_store(struct pulse *p, uint64_t now_ms) {
    if (store_who_is_silent(p->s.store) == NULL) {
        p->store_asked_ms = now_ms;
        p->is_store_logged = false;
    }
    store_call_roll(p->s.store);
}

static void ask_denied_again(struct pulse *p) {
    for (size_t i = 0; i < p->n_beats; i++)
        if (atomic_load(&p->beats[i].state) == BEAT_DENIED)
            ask_loop(&p->beats[i]);
}

static const char *who_is_silent_but_for_store(const struct pulse *p) {
    for (size_t i = 0; i < p->n_beats; i++) {
        const struct beat *b = &p->beats[i];
        if (atomic_load(&b->state) == BEAT_ANSWERED)
            continue;
        int dead = atomic_load(&b->dead_listener);
        return dead == NO_LISTENER ? b->name : listener_name(p->s.listeners[dead]);
    }
    return worker_pool_all_answered(p->s.workers) ? NULL : "workers";
}

const char *pulse_who_is_silent(const struct pulse *p) {
    const char *who = who_is_silent_but_for_store(p);
    return who != NULL ? who : store_who_is_silent(p->s.store);
}

static void log_silence(const struct pulse *p, const char *who, uint64_t for_ms, bool *is_logged) {
    if (*is_logged || for_ms < LOG_AFTER_INTERVALS * p->s.every_ms)
        return;
    *is_logged = true;
    log_warning("relay.no_progress", "part=%s for_ms=%u", who, (unsigned)for_ms);
}

// Who holds up the round, and is named in the log.
static const char *who_is_overdue(struct pulse *p, uint64_t now_ms) {
    const char *who = who_is_silent_but_for_store(p), *store = store_who_is_silent(p->s.store);
    if (who != NULL)
        log_silence(p, who, now_ms - p->began_ms, &p->is_logged);
    if (store != NULL)
        log_silence(p, store, now_ms - p->store_asked_ms, &p->is_store_logged);
    if (who == NULL && store != NULL && now_ms - p->store_asked_ms >= STORE_INTERVALS * p->s.every_ms)
        return store;
    return who;
}

bool pulse_tick(struct pulse *p, uint64_t now_ms) {
    if (pulse_wait_ms(p, now_ms) > 0)
        return false;
    p->ticked_ms = now_ms;
    bool was_asked = p->is_asked;
    if (was_asked && who_is_overdue(p, now_ms) != NULL) {
        ask_denied_again(p);
        return false;
    }
    call_roll(p, now_ms);
    call_store(p, now_ms);
    return was_asked;
}

uint64_t pulse_wait_ms(const struct pulse *p, uint64_t now_ms) {
    uint64_t next = p->ticked_ms + p->s.every_ms;
    return p->is_asked && next > now_ms ? next - now_ms : 0;
}

void pulse_end(struct pulse *p) {
    if (p != NULL)
        p->s.n_listeners = 0;
}

void pulse_free(struct pulse *p) {
    free(p);
}
