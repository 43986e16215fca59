// SPDX-License-Identifier: MIT
// The clock of a client's connection: how long its handshake may take, when it is asked for a sign of life, and how
// fast it is read. One timer, armed lazily: what happens only moves what is due, and the timer looks when it fires.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iroh/frame.h"
#include "net/loop.h"

struct iroh_session;

enum {
    IROH_A_HELLO_MS = 10 * 1000, // for the handshake, from the upgrade
    IROH_B_HELLO_MS = 30 * 1000,
    IROH_QUIET_MIN_MS = 16 * 1000, // without a frame of the client until it gets a Ping, drawn anew each time
    IROH_QUIET_MAX_MS = 20 * 1000,
    IROH_PONG_MS = 5 * 1000, // for the Pong
    IROH_BURST_MS = 100,     // what may come at once, as time at full bandwidth
};

enum iroh_waits { IROH_WAITS_FOR_HELLO, IROH_WAITS_FOR_ANYTHING, IROH_WAITS_FOR_PONG };

struct iroh_liveness {
    struct loop_timer timer;
    uint64_t timer_at_ms; // when it fires; 0: not armed
    uint64_t heard_ms;    // the last frame of the client
    uint64_t due_ms;      // of the handshake or the Pong
    uint64_t resume_ms;   // reading goes on; 0: it has not stopped
    uint64_t paid_us;     // what was received is worth the time until here; GCRA, see account/rate.h
    uint32_t quiet_ms;
    uint8_t waits_for;           // enum iroh_waits
    uint8_t ping[IROH_PING_LEN]; // the latest
};

void iroh_liveness_start(struct iroh_session *s);
// The handshake is over.
void iroh_liveness_admitted(struct iroh_session *s);
// `n` octets of the client have come, at least one whole frame among them / and none. May pause the connection.
void iroh_liveness_heard(struct iroh_session *s, size_t n, bool has_frame);
void iroh_liveness_pong(struct iroh_session *s, const uint8_t ping[IROH_PING_LEN]);
// What the timer does; for tests.
void iroh_liveness_look(struct iroh_session *s);
void iroh_liveness_done(struct iroh_session *s);
