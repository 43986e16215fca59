// SPDX-License-Identifier: MIT
// Loops and their threads: those that carry clients, one for each core that this process may use; the outbound loop.
#pragma once

#include <stddef.h>

#include "base/panic.h"

struct crew;
struct loop;

// That this process may use; at least 1.
size_t crew_cores(void);

// `n` loops, 0: one for each core. `name` is that of the threads, at most 10 octets.
struct crew *crew_new(const char *name, size_t n);
size_t crew_size(const struct crew *c);
struct loop *const *crew_loops(const struct crew *c);
// The name of the thread of loop i.
const char *crew_name(const struct crew *c, size_t i);
// Starts the threads; returns when every loop runs.
void crew_start(struct crew *c);
// Calls fn on the thread of every loop and waits until all have returned. Between start and stop, not from a loop.
void crew_call(struct crew *c, void (*fn)(void *arg, struct loop *loop, size_t index), void *arg);
// Ends the loops after their current turn and joins the threads. Without effect when they do not run.
void crew_stop(struct crew *c);
// Runs what was posted to the loops and frees them. Stopped, or never started.
void crew_free(struct crew *c);
