// SPDX-License-Identifier: MIT
// The inside of the push service, private to push/: push.c is its life and what it does when, flight.c is one token
// from the store to its outcome, settle.c commits outcomes.
#pragma once

#include "net/loop.h"
#include "push/bell.h"
#include "push/gateway.h"
#include "push/pace.h"
#include "push/push.h"
#include "push/recent.h"
#include "store/push_ops.h"

enum {
    PUSH_FIRSTS_MAX = 28, // first tries under way, so that there is always room for others
    PUSH_STORE_RETRY_MS = 2000,
    PUSH_TELL_MS = 60 * 1000, // between two lines of the log about the same
};

enum flight_state {
    FLIGHT_FREE,
    FLIGHT_READY,    // loaded; waits for the gateway's addresses
    FLIGHT_ASKING,   // the request is under way
    FLIGHT_DONE,     // its outcome is known, and not committed
    FLIGHT_SETTLING, // that is under way
};

struct flight {
    struct push *push;
    enum flight_state state;
    struct store_push row;
    struct gateway_call call;
    struct pace_mark mark;
    int64_t started_ms;  // wall clock
    uint64_t started_us; // monotonic
    // Of FLIGHT_DONE and FLIGHT_SETTLING; a retry holds the tries with this one.
    enum store_push_outcome outcome;
    int64_t covered_ms, next_ms;
};

struct push {
    struct push_settings s;
    struct gateway gateway;
    struct pace pace;
    struct recent *recent;
    struct bell *bell;
    struct loop_timer timer;
    uint64_t tick_at; // monotonic, ms
    bool started, stopping;
    bool was_refused; // the gateway that is configured; said

    struct flight flights[PUSH_FLIGHTS_MAX];
    size_t n_asking;

    struct store_op *load; // under way; NULL
    bool is_dirty;         // something may be due that no load has seen
    int64_t next_ms;       // wall clock: when something becomes due of itself; 0: not known
    uint64_t load_at;      // no load before

    struct store_op *settle; // under way; NULL
    uint64_t settle_at;      // no settling before

    uint64_t given_up, tell_at; // not said yet; when it may be
    bool trouble_told;
    uint64_t tell_trouble_at;

    uint64_t stop_at;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    struct loop_task stopped;
    bool stopped_posted;
};

// push.c
// Something has changed: does what there is to do. In a later turn.
void push_look(struct push *p);
void push_look_at(struct push *p, uint64_t mono_ms);
// What the timer does; for tests.
void push_tick(struct push *p);
// The gateway as a whole fails, because of this (static words, or NULL and a status); it answers again.
void push_tell_trouble(struct push *p, const char *why, unsigned status);
void push_tell_answer(struct push *p, uint32_t failures);
// How many flights are in this state.
size_t push_count(const struct push *p, enum flight_state state);

// flight.c
// Takes the row over.
void flight_board(struct flight *f, struct store_push *row);
// Asks the gateway, which can be asked.
void flight_start(struct flight *f);
// It needs no request: one that was begun just before covers it until `covered_ms`, and is told, or has failed, which
// is its own first try then. Or it is given up.
void flight_is_covered(struct flight *f, int64_t covered_ms);
void flight_shares_failure(struct flight *f, int64_t covered_ms);
void flight_give_up(struct flight *f);
// Forgets it; the store has it as it was.
void flight_drop(struct flight *f);

// settle.c
void push_settle_tick(struct push *p);
void push_settle_abandon(struct push *p);
