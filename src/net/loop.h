// SPDX-License-Identifier: MIT
// One event loop, one thread. Everything that belongs to a loop (connections, timers, sessions) is touched by its
// thread alone; other threads talk to it by posting tasks. Built on libevent.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

struct event_base;
struct loop;

// A piece of work. Intrusive: it stands in the struct that the work is about, so posting never allocates.
struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *task);
};

// A one-shot timer, owned by the embedding struct; loop thread only.
struct loop_timer {
    struct loop *loop;
    struct event *event; // NULL until first started
    void (*fire)(struct loop_timer *timer);
};

// Also makes this process ignore SIGPIPE.
struct loop *loop_new(void);
// After loop_run() has returned. Runs what was posted and deferred before, then frees.
void loop_free(struct loop *loop);

// Runs until loop_stop(). The calling thread becomes the loop's thread.
void loop_run(struct loop *loop);
// Any thread: ends loop_run() after the current turn.
void loop_stop(struct loop *loop);
// For tests: runs whatever is ready now, without waiting, until nothing is.
void loop_run_ready(struct loop *loop);

struct event_base *loop_base(struct loop *loop);
bool loop_is_current(const struct loop *loop);

// Any thread: run the task on the loop's thread, in the order of posting. The task must not be posted twice at a time.
void loop_post(struct loop *loop, struct loop_task *task);
// Loop thread: run the task at the end of the current turn, after all callbacks. Destruction asked for in a callback
// goes here. What a deferred task defers runs at the end of the next turn, which follows without sleeping.
void loop_defer(struct loop *loop, struct loop_task *task);

void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fire)(struct loop_timer *timer));
// (Re)starts the timer to fire once after `ms` milliseconds.
void loop_timer_start(struct loop_timer *timer, uint64_t ms);
void loop_timer_stop(struct loop_timer *timer);
// Stops it and frees what it holds. A zeroed timer is accepted.
void loop_timer_done(struct loop_timer *timer);
