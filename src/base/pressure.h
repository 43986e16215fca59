// SPDX-License-Identifier: MIT
// How hard this process is pressed, and which of its doors are shut because of it. What is asked for last is refused
// first, and nothing that was accepted is ever given up:
//
//     level 1: no new accounts
//     level 2: no new connections either, and no new calls
//     level 3: no new messages either; who has one keeps it and comes again
//
// Sessions that stand go on, mail that was accepted goes out, what expires or is deleted goes: that is the way down.
//
// One thread measures (martlet/relay/pressure_watch.h) and publishes; whoever keeps a door asks pressure_shuts(), which
// is one load of one word. The arithmetic has no state of its own and no clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

enum pressure_cause {
    PRESSURE_LOAD,   // milliseconds that work waits for its turn
    PRESSURE_MEMORY, // octets
    PRESSURE_DISK,   // octets, or files, that are taken of the file system
    PRESSURE_FILES,  // descriptors
    PRESSURE_N_CAUSES,
};

enum pressure_door { PRESSURE_ACCOUNTS, PRESSURE_CONNECTIONS, PRESSURE_DELIVERIES, PRESSURE_N_DOORS };

// A level shuts the doors before it in that order, those that its cause has to do with: a full disk must not keep out
// who comes to delete, and a message needs no descriptor.
enum { PRESSURE_LEVEL_MAX = PRESSURE_N_DOORS };

extern const char *const pressure_cause_names[PRESSURE_N_CAUSES]; // "load"

// ---- arithmetic ----

enum { PRESSURE_NEVER = 0 }; // as a bound

// At how much a level is entered, and below how much it is left; by level - 1.
struct pressure_bounds {
    uint64_t enter[PRESSURE_LEVEL_MAX], leave[PRESSURE_LEVEL_MAX];
};

// The first level at `first_ms`, the others at 4 and 10 times that; left at half of it.
struct pressure_bounds pressure_bounds_load(uint64_t first_ms);
// At 70, 80 and 90 hundredths of the limit; left 5 below.
struct pressure_bounds pressure_bounds_memory(uint64_t limit);
// At 80 and 95 hundredths of the limit; left 5 below. No third level.
struct pressure_bounds pressure_bounds_files(uint64_t limit);
// Of what a file system has (octets, or inodes): the first level when less than `few` are left, the third when less
// than `floor`; left when there is a quarter more. The first comes before the third, whatever `few` is.
struct pressure_bounds pressure_bounds_disk(uint64_t total, uint64_t few, uint64_t floor);

// A level that is kept: up at once, down when `calm` readings one after another allow it, to the highest of them.
struct pressure_state {
    unsigned level;
    unsigned n_calm, calm_level;
};
// The doors that a level shuts, as bits.
unsigned pressure_doors(enum pressure_cause cause, unsigned level);
// The level after this reading.
unsigned pressure_step(struct pressure_state *s, const struct pressure_bounds *b, uint64_t taken, unsigned calm);

// ---- what holds now ----

// The one who measures. Any thread may ask.
void pressure_publish(const unsigned levels[PRESSURE_N_CAUSES]);
bool pressure_shuts(enum pressure_door door);
unsigned pressure_level(enum pressure_cause cause);
// New connections are shut out by load alone, which is over in seconds: who comes waits in the backlog, and is not sent
// away to come again with all the others. Memory and descriptors may be short for hours.
bool pressure_passes_soon(void);
// For who keeps a door and somebody stands before it: the same as pressure_shuts(), and counts who is sent away
// (martlet_pressure_refusals).
MUST_USE bool pressure_refuses(enum pressure_door door);
// What is counted is seen from now on.
void pressure_metrics_register(void);
