// SPDX-License-Identifier: MIT
// What the parent makes of the relay's signs of life. The relay tells it of each round in which all of its threads and
// listeners have answered (martlet/relay/pulse.h). From that follows when a relay that hangs is killed, and whether the
// service manager may be told that all is well. Pure: the time is handed in.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

enum {
    // A relay may take so long to convert a store, or to open one that a crash has left.
    WATCHDOG_START_MAX_MS = 15 * 60 * 1000,
};

struct watchdog {
    uint64_t limit_ms;     // of the service manager: it ends us after so long without a word
    uint64_t last_sign_ms; // the last full round, or readiness, of any relay
    uint64_t looked_ms;
    uint64_t fed_ms;
    uint64_t started_ms; // of the relay that runs
    bool is_running, is_ready;
};

// No relay runs.
void watchdog_init(struct watchdog *w, uint64_t limit_ms, uint64_t now_ms);
void watchdog_on_start(struct watchdog *w, uint64_t now_ms);
void watchdog_on_ready(struct watchdog *w, uint64_t now_ms);
void watchdog_on_round(struct watchdog *w, uint64_t now_ms);
// The relay has ended, in whatever way.
void watchdog_on_end(struct watchdog *w);

struct watchdog_verdict {
    bool feed;       // say now that all is well
    bool kill;       // the relay hangs
    uint64_t age_ms; // of the last sign
};
// To be asked every watchdog_every_ms() or so. Time in which nobody asked is not counted against the relay: the whole
// machine stood still then, or this process did.
struct watchdog_verdict watchdog_look(struct watchdog *w, uint64_t now_ms);
// How often the parent looks; the relay calls its roll as often.
uint64_t watchdog_every_ms(uint64_t limit_ms);
