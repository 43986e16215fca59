// SPDX-License-Identifier: MIT
#include "martlet/handover/watchdog.h"

// Of the service manager's limit: a round is due six times until the relay counts as hanging, and killing it leaves as
// much time again for a new one to start.
enum { ROUNDS_IN_LIMIT = 12, HANG_PART = 2 };

uint64_t watchdog_every_ms(uint64_t limit_ms) {
    return limit_ms / ROUNDS_IN_LIMIT;
}

void watchdog_init(struct watchdog *w, uint64_t limit_ms, uint64_t now_ms) {
    *w = (struct watchdog){.limit_ms = limit_ms, .last_sign_ms = now_ms, .looked_ms = now_ms, .fed_ms = now_ms};
}

void watchdog_on_start(struct watchdog *w, uint64_t now_ms) {
    w->is_running = true;
    w->started_ms = now_ms;
}

void watchdog_on_ready(struct watchdog *w, uint64_t now_ms) {
    w->is_ready = true;
    w->last_sign_ms = now_ms;
}

void watchdog_on_round(struct watchdog *w, uint64_t now_ms) {
    w->last_sign_ms = now_ms;
}

void watchdog_on_end(struct watchdog *w) {
    w->is_running = w->is_ready = false;
}

// Up to two intervals are an ordinary delay. A sign that came at the end of the standstill is new, and stays so.
static void forgive_standstill(struct watchdog *w, uint64_t now_ms) {
    uint64_t slept = now_ms - w->looked_ms, ordinary = 2 * watchdog_every_ms(w->limit_ms);
    uint64_t forgiven = slept > ordinary ? slept - ordinary : 0;
    uint64_t age = now_ms - w->last_sign_ms, life = now_ms - w->started_ms;
    w->last_sign_ms += forgiven < age ? forgiven : age;
    w->started_ms += forgiven < life ? forgiven : life;
    w->looked_ms = now_ms;
}

struct watchdog_verdict watchdog_look(struct watchdog *w, uint64_t now_ms) {
    forgive_standstill(w, now_ms);
    struct watchdog_verdict v = {.age_ms = now_ms - w->last_sign_ms};
    uint64_t hang_ms = w->limit_ms / HANG_PART;
    bool starts_for_ever = w->is_running && now_ms - w->started_ms >= WATCHDOG_START_MAX_MS;
    v.kill = w->is_ready ? v.age_ms >= hang_ms : starts_for_ever;
    // While a relay starts there is nothing that could answer; that does not go on for ever, however often it starts.
    bool is_well = v.age_ms < (w->is_ready ? hang_ms : WATCHDOG_START_MAX_MS);
    v.feed = is_well && now_ms - w->fed_ms >= watchdog_every_ms(w->limit_ms);
    if (v.feed)
        w->fed_ms = now_ms;
    return v;
}
