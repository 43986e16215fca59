// SPDX-License-Identifier: MIT
// The relay's signs of life. Every few seconds the main thread calls the roll: each loop answers a task that went
// through its own event loop and has seen that its listeners accept what waits; each thread of the store and of the
// workers answers where it comes for its next operation. Only when all have answered is the round complete, and the
// next one begins.
//
// Threads of the store wait for a disk, which may stand still for half a minute (what the kernel gives a command) and
// go on; to kill the relay then would only cut off everybody. So their answer may be missing for twelve intervals.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct crew;
struct listener;
struct pulse;
struct store;
struct worker_pool;

enum { PULSE_CREWS_MAX = 2 };

// All outlive the pulse, but for the crews: those are freed before it, because a task of it may be posted there.
struct pulse_settings {
    struct crew *crews[PULSE_CREWS_MAX];
    size_t n_crews;
    struct listener *const *listeners; // each accepts on a loop of the crews
    size_t n_listeners;
    struct worker_pool *workers;
    struct store *store;
    uint64_t every_ms;
};

struct pulse *pulse_new(const struct pulse_settings *s);
// On one thread, which is none of those that are asked. True: since the last call a round was completed, and another
// one has begun. What does not answer for long is logged by name.
MUST_USE bool pulse_tick(struct pulse *p, uint64_t now_ms);
// In how many milliseconds to tick again.
uint64_t pulse_wait_ms(const struct pulse *p, uint64_t now_ms);
// Who owes an answer: "loop-1", "store-write", "workers", a listener by its service "imaps"; NULL: nobody.
const char *pulse_who_is_silent(const struct pulse *p);
// When the loops stand still, before listeners are freed. NULL is accepted, also by the next.
void pulse_end(struct pulse *p);
void pulse_free(struct pulse *p);
