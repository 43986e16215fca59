// SPDX-License-Identifier: MIT
// Measures how hard the relay is pressed, and publishes it (base/pressure.h): five times a second, and once while
// nothing is on the way up.
//
//     load     how long work waits: tasks posted to the loops, writes for the commit before theirs, this thread for its
//              own turn; not the load average, which may be a neighbour's
//     memory   what is taken of the closest limit (martlet/host/memory_stats.h)
//     disk     free octets and inodes of the state directory's file system
//     files    descriptors that connections have of those that are for them; a part of them is kept for the store, the
//     log, the DNS and mail that goes out
//
// Each change of a level is one line in the log.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct config_holder;
struct loop;
struct pressure_watch;
struct store;

// All outlive it; of the loops it expects that what was posted to them runs before it is freed. Not on a loop.
struct pressure_watch *pressure_watch_new(struct config_holder *config, struct store *store, struct loop *const *loops,
                                          size_t n_loops);
// By one thread that is no loop, when pressure_watch_wait_ms() is 0; the loops run.
void pressure_watch_tick(struct pressure_watch *w);
// In how many milliseconds to tick again. On the same thread.
uint64_t pressure_watch_wait_ms(const struct pressure_watch *w, uint64_t now_ms);
// For `martlet status`: {"load": {"level": 0, "taken": 12, "limit": 500}, ...}, and a sentence for each level that
// shuts something. Any thread.
json_t *pressure_watch_describe(void *watch, json_t *attention);
// NULL is accepted.
void pressure_watch_free(struct pressure_watch *w);
