// SPDX-License-Identifier: MIT
// What a query is while it is under way, and the resolver's side of it: private to net/dns.
//
// A request goes to the resolver's loop, and back to the asker's with its answer; each loop touches its own part. When
// the asker cancels, a second message goes to the resolver, so two may be on their way that know the request: the last
// one frees it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/dns.h"

struct dns_engine;
struct dns_finding;
struct dns_house;
struct dns_pending;

struct dns_request {
    struct loop_task task;        // to the resolver, then back
    struct loop_task cancel_task; // to the resolver
    atomic_int refs;
    atomic_bool is_cancelled; // set by the asker
    atomic_bool is_answered;  // set when the answer goes on its way
    struct dns_resolver *resolver;
    struct loop *loop; // the asker's
    uint16_t type;
    uint64_t began_us; // monotonic
    char name[DNS_NAME_SIZE];

    // The asker's.
    struct dns_query *query; // NULL once cancelled
    dns_on_answer *done;
    void *arg;

    // The resolver's.
    enum { DNS_REQUEST_NEW, DNS_REQUEST_WAITING, DNS_REQUEST_RUNNING, DNS_REQUEST_ANSWERED } state;
    struct list link;            // in waiting or running
    uint64_t deadline_ms;        // monotonic
    struct dns_pending *pending; // while running

    // Handed over with the task on its way back.
    struct dns_answer *answer;
};

struct dns_resolver {
    struct dns_settings settings; // strings are ours
    char **forwarders;            // the list in settings
    atomic_bool is_stopped;
    struct dns_house *house;

    struct list waiting, running; // struct dns_request by `link`, each in the order of deadlines
    size_t n_waiting, n_running;
    size_t n_lookups; // in the engine, those included that nobody waits for
    struct loop_task pump_task;
    bool is_pumping;
    struct loop_timer deadline_timer;
};

// ---- dns.c ----
void dns_request_release(struct dns_request *q);
// Sends it back with its answer, which it owns then.
void dns_request_answer(struct dns_request *q, struct dns_answer *answer);

// ---- dns_queue.c: what waits and what runs. The resolver's loop ----
void dns_queue_take(struct dns_resolver *r, struct dns_request *q);
void dns_queue_cancel(struct dns_resolver *r, struct dns_request *q);
// Puts what runs back to the front of what waits: the engine goes.
void dns_queue_rewind(struct dns_resolver *r);
// Starts what there is room for. Not within a callback of the engine.
void dns_queue_pump(struct dns_resolver *r);
// Answers everything DNS_FAILED.
void dns_queue_fail_all(struct dns_resolver *r);

// ---- dns_house.c: keeps the engine, the root's keys and the notices. The resolver's loop ----
struct dns_house *dns_house_new(struct dns_resolver *r);
// The engine, made when needed; NULL when it cannot be made now.
struct dns_engine *dns_house_engine(struct dns_house *h);
// The engine cannot start a lookup. It is gone then; true when another attempt may help.
bool dns_house_on_dead_engine(struct dns_house *h);
// Each result passes here.
void dns_house_note(struct dns_house *h, const struct dns_finding *f);
// No lookup is under way any more.
void dns_house_on_idle(struct dns_house *h);
void dns_house_close(struct dns_house *h);
void dns_house_free(struct dns_house *h);
