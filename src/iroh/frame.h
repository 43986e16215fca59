// SPDX-License-Identifier: MIT
// What the two dialects of the iroh relay protocol have in common: A is that of iroh 0.35 (frames on a plain stream,
// dialect_a.h), B that of iroh 1.0 (a frame in each websocket message, dialect_b.h), which has two versions. Clients of
// A and B never talk to each other. Pure: octets in, octets out.
//
// Keys are Ed25519 public keys and name the clients. Packets are encrypted end to end; nobody here looks into them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "http/websocket_frame.h"

enum {
    IROH_KEY_LEN = 32,
    IROH_PING_LEN = 8,
    IROH_PACKET_MAX = 65536, // of A: the packet. Of B: all behind the type
    // The longest of what stands before a packet on its way to the receiver: a websocket header, the type, the source.
    IROH_PACKET_HEAD_MAX = WEBSOCKET_HEADER_MAX + 1 + IROH_KEY_LEN,
    IROH_SMALL_MAX = 160, // the longest of all other frames that we send
};

enum iroh_dialect { IROH_A, IROH_B_V1, IROH_B_V2 };

// Clients of one family can send each other packets.
static inline bool iroh_is_b(enum iroh_dialect d) {
    return d != IROH_A;
}

enum iroh_kind {
    IROH_BAD,    // the connection ends
    IROH_MORE,   // not whole yet
    IROH_PACKET, // for the client `key`
    IROH_PING,   // to be answered with a pong of the same `ping`
    IROH_PONG,
    IROH_IGNORED, // allowed, and of no consequence
};

// One frame of a client.
struct iroh_frame {
    enum iroh_kind kind;
    size_t len;          // dialect A: octets of the whole frame
    uint8_t packet_type; // IROH_PACKET: the type under which it goes to its receiver
    bool is_discovery;   // IROH_PACKET: dialect A's datagram for finding a direct way is in front
    uint8_t key[IROH_KEY_LEN];
    uint8_t ping[IROH_PING_LEN];
    struct websocket_payload body; // IROH_PACKET: all that follows the key; at most IROH_PACKET_MAX octets
};

// What stands before the `body_len` octets of a packet that goes to a client of this dialect. Returns its length.
MUST_USE size_t iroh_write_packet_head(enum iroh_dialect d, uint8_t packet_type, const uint8_t source[IROH_KEY_LEN],
                                       size_t body_len, uint8_t ret[static IROH_PACKET_HEAD_MAX]);

// Whole frames, ready to be sent. Each returns its length.
MUST_USE size_t iroh_write_ping(enum iroh_dialect d, const uint8_t ping[IROH_PING_LEN],
                                uint8_t ret[static IROH_SMALL_MAX]);
MUST_USE size_t iroh_write_pong(enum iroh_dialect d, const uint8_t ping[IROH_PING_LEN],
                                uint8_t ret[static IROH_SMALL_MAX]);
// Of dialect B (a client of A that is replaced is closed instead): another connection has this client's key, and gets
// what is sent to it / this one gets it again. Version 1 is told in words, version 2 by a number.
MUST_USE size_t iroh_write_status(enum iroh_dialect d, bool is_active, uint8_t ret[static IROH_SMALL_MAX]);
