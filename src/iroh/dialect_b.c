// SPDX-License-Identifier: MIT
#include "iroh/dialect_b.h"

#include <string.h>

#include "base/slice.h"

enum {
    ECN_LEN = 1,
    SEGMENT_SIZE_LEN = 2,
};

// `before` octets stand between the key and the datagrams.
static void read_packet(const struct websocket_payload *payload, size_t before, uint8_t packet_type,
                        struct iroh_frame *ret) {
    size_t len = payload->data.len;
    if (len < IROH_KEY_LEN + before || len > IROH_PACKET_MAX)
        return;
    if (len == IROH_KEY_LEN + before) { // nothing in it: it must not be forwarded
        ret->kind = IROH_IGNORED;
        return;
    }
    ret->kind = IROH_PACKET;
    ret->packet_type = packet_type;
    websocket_copy(payload, 0, IROH_KEY_LEN, ret->key);
    ret->body = websocket_sub(payload, IROH_KEY_LEN, len);
}

static void read_ping(const struct websocket_payload *payload, enum iroh_kind kind, struct iroh_frame *ret) {
    if (payload->data.len != IROH_PING_LEN)
        return;
    ret->kind = kind;
    websocket_copy(payload, 0, IROH_PING_LEN, ret->ping);
}

void iroh_b_parse(const struct websocket_payload *message, struct iroh_frame *ret) {
    *ret = (struct iroh_frame){.kind = IROH_BAD};
    if (message->data.len == 0)
        return;
    uint8_t type;
    websocket_copy(message, 0, 1, &type);
    struct websocket_payload payload = websocket_sub(message, 1, message->data.len);
    switch (type) {
    case IROH_B_SEND_DATAGRAM:
        read_packet(&payload, ECN_LEN, IROH_B_RECV_DATAGRAM, ret);
        return;
    case IROH_B_SEND_BATCH:
        read_packet(&payload, ECN_LEN + SEGMENT_SIZE_LEN, IROH_B_RECV_BATCH, ret);
        return;
    case IROH_B_PING:
        read_ping(&payload, IROH_PING, ret);
        return;
    case IROH_B_PONG:
        read_ping(&payload, IROH_PONG, ret);
        return;
    default:
        return;
    }
}

size_t iroh_b_write_header(enum iroh_b_type type, size_t len, uint8_t ret[static IROH_B_HEADER_MAX]) {
    ASSERT(len <= IROH_PACKET_MAX);
    size_t n = websocket_write_header(WEBSOCKET_BINARY, 1 + len, ret);
    ret[n] = (uint8_t)type;
    return n + 1;
}
