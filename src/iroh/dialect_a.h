// SPDX-License-Identifier: MIT
// Dialect A of the iroh relay protocol, of iroh 0.35: after "Upgrade: iroh derp http" both sides send frames
//   type u8 | length of the payload u32, big-endian | payload
// on the plain stream. The client's first frame is ClientInfo (handshake.h); there is no greeting of the server's.
#pragma once

#include "base/slice.h"
#include "iroh/frame.h"

enum iroh_a_type {
    IROH_A_CLIENT_INFO = 2,
    IROH_A_SEND_PACKET = 4,
    IROH_A_RECV_PACKET = 5,
    IROH_A_KEEP_ALIVE = 6,
    IROH_A_NOTE_PREFERRED = 7,
    IROH_A_NODE_GONE = 8,
    IROH_A_PING = 12,
    IROH_A_PONG = 13,
    IROH_A_HEALTH = 14,
    IROH_A_RESTARTING = 15,
};

enum {
    IROH_A_HEADER_LEN = 5,
    IROH_A_FRAME_MAX = IROH_A_HEADER_LEN + IROH_KEY_LEN + IROH_PACKET_MAX, // of what a client may send
    IROH_A_HEALTH_MAX = IROH_SMALL_MAX - IROH_A_HEADER_LEN,
};

// The frame at the front of `in`, after the handshake. What is wrong with type or length is BAD as soon as the header
// is there; a frame that is not BAD is never longer than IROH_A_FRAME_MAX. *ret borrows from `in`.
void iroh_a_parse(struct slice in, struct iroh_frame *ret);

// The header of a frame with a payload of `len` octets. Returns its length, IROH_A_HEADER_LEN.
size_t iroh_a_write_header(enum iroh_a_type type, size_t len, uint8_t ret[static IROH_A_HEADER_LEN]);
// A whole Health frame with a text of at most IROH_A_HEALTH_MAX octets. Returns its length.
MUST_USE size_t iroh_a_write_health(const char *text, uint8_t ret[static IROH_SMALL_MAX]);
