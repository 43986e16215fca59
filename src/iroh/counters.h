// SPDX-License-Identifier: MIT
// What the iroh relay counts. Never a key or an address.
#pragma once

#include <stddef.h>

#include "iroh/frame.h"

// Why a packet went nowhere. None of it is told to the sender.
enum iroh_drop {
    IROH_DROP_UNKNOWN,   // nobody here has this key
    IROH_DROP_FULL,      // too much waits for the receiver
    IROH_DROP_DISCOVERY, // iroh_limits.relay_only
};

// Why a request did not become a connection of a client.
enum iroh_refusal {
    IROH_REFUSED_REQUEST, // not one for a protocol of ours
    IROH_REFUSED_RATE,    // too many new ones from this address
    IROH_REFUSED_ADDRESS, // too many from it
    IROH_REFUSED_TOTAL,
};

enum iroh_failure {
    IROH_HELLO_UNPROVED,
    IROH_HELLO_MALFORMED,
    IROH_HELLO_TIMED_OUT,
    IROH_HELLO_ABANDONED, // the client has gone before it was over
};

// Why the connection of a client ended.
enum iroh_end {
    IROH_END_CLIENT,   // it closed, or is gone
    IROH_END_SILENT,   // no Pong came
    IROH_END_STALLED,  // it takes nothing of what waits for it
    IROH_END_REPLACED, // a newer one has its key
    IROH_END_PROTOCOL,
    IROH_END_SHUTDOWN,
};

void iroh_counters_init(void);
void iroh_count_forwarded(enum iroh_dialect d, size_t len); // octets
void iroh_count_drop(enum iroh_drop why);
void iroh_count_refusal(enum iroh_refusal why);
void iroh_count_failure(enum iroh_failure why);
void iroh_count_client(enum iroh_dialect d);
void iroh_count_end(enum iroh_dialect d, enum iroh_end why);
