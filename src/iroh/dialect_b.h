// SPDX-License-Identifier: MIT
// Dialect B of the iroh relay protocol, of iroh 1.0: each binary websocket message is one frame
//   type (a QUIC variable-length integer; one octet for all there are) | payload
// Subprotocols iroh-relay-v1 and -v2 differ in how a client is told of duplicates (iroh_write_status()). The handshake
// is in handshake.h.
#pragma once

#include "iroh/frame.h"

enum iroh_b_type {
    IROH_B_SERVER_CHALLENGE = 0,
    IROH_B_CLIENT_AUTH = 1,
    IROH_B_SERVER_CONFIRMS_AUTH = 2,
    IROH_B_SERVER_DENIES_AUTH = 3,
    IROH_B_SEND_DATAGRAM = 4,
    IROH_B_SEND_BATCH = 5,
    IROH_B_RECV_DATAGRAM = 6,
    IROH_B_RECV_BATCH = 7,
    IROH_B_ENDPOINT_GONE = 8,
    IROH_B_PING = 9,
    IROH_B_PONG = 10,
    IROH_B_HEALTH = 11,
    IROH_B_RESTARTING = 12,
    IROH_B_STATUS = 13,
};

enum {
    IROH_B_MESSAGE_MAX = 1 + IROH_PACKET_MAX, // the limit for the websocket reader
    IROH_B_HEADER_MAX = WEBSOCKET_HEADER_MAX + 1,
};

// One message, after the handshake. Never IROH_MORE. *ret borrows from what `message` borrows from.
void iroh_b_parse(const struct websocket_payload *message, struct iroh_frame *ret);

// What stands before a payload of `len` octets: the header of the websocket frame, and the type. Returns its length.
size_t iroh_b_write_header(enum iroh_b_type type, size_t len, uint8_t ret[static IROH_B_HEADER_MAX]);
