// SPDX-License-Identifier: MIT
// Watches whether the name servers can be reached at all. When nothing is answered for some seconds, the root (or the
// forwarders) is asked for a name that nobody can have remembered; when that is not answered either, the resolver goes
// on by TCP, for there are networks that let no UDP through, and back after as long a silence. Private to net/dns; the
// resolver's loop.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/dns_engine.h"
#include "net/loop.h"

enum { DNS_ALIVE_QUIET_MS = 4000 };

struct dns_alive {
    // Given by the owner.
    struct loop *loop;
    bool (*is_wanted)(void *arg); // somebody waits for an answer
    struct dns_engine *(*engine)(void *arg);
    // The other transport is to be taken; the engine goes.
    void (*on_switch)(void *arg);
    // Something came (again), or nothing came by either transport.
    void (*on_life)(void *arg);
    void (*on_silence)(void *arg);
    void *arg;

    struct loop_timer timer;
    bool is_watching;
    bool by_tcp;
    uint64_t heard_ms;             // monotonic: when something came, or the watch began
    struct dns_alive_check *check; // under way
    unsigned n_switches;           // since something came
};

// A lookup has begun.
void dns_alive_watch(struct dns_alive *a);
// A result came; what the engine did not get from anybody does not count.
void dns_alive_note(struct dns_alive *a, const struct dns_finding *f);
void dns_alive_done(struct dns_alive *a);
