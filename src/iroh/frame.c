// SPDX-License-Identifier: MIT
#include "iroh/frame.h"

#include <string.h>

#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"

// A frame of `type`, which each dialect numbers in its own way, with this payload.
static size_t write_frame(enum iroh_dialect d, enum iroh_a_type a, enum iroh_b_type b, const uint8_t *payload,
                          size_t len, uint8_t ret[static IROH_SMALL_MAX]) {
    size_t n = iroh_is_b(d) ? iroh_b_write_header(b, len, ret) : iroh_a_write_header(a, len, ret);
    ASSERT(n + len <= IROH_SMALL_MAX);
    memcpy(ret + n, payload, len);
    return n + len;
}

size_t iroh_write_packet_head(enum iroh_dialect d, uint8_t packet_type, const uint8_t source[IROH_KEY_LEN],
                              size_t body_len, uint8_t ret[static IROH_PACKET_HEAD_MAX]) {
    size_t len = IROH_KEY_LEN + body_len;
    size_t n = iroh_is_b(d) ? iroh_b_write_header((enum iroh_b_type)packet_type, len, ret)
                            : iroh_a_write_header((enum iroh_a_type)packet_type, len, ret);
    memcpy(ret + n, source, IROH_KEY_LEN);
    return n + IROH_KEY_LEN;
}

size_t iroh_write_ping(enum iroh_dialect d, const uint8_t ping[IROH_PING_LEN], uint8_t ret[static IROH_SMALL_MAX]) {
    return write_frame(d, IROH_A_PING, IROH_B_PING, ping, IROH_PING_LEN, ret);
}

size_t iroh_write_pong(enum iroh_dialect d, const uint8_t ping[IROH_PING_LEN], uint8_t ret[static IROH_SMALL_MAX]) {
    return write_frame(d, IROH_A_PONG, IROH_B_PONG, ping, IROH_PING_LEN, ret);
}

size_t iroh_write_status(enum iroh_dialect d, bool is_active, uint8_t ret[static IROH_SMALL_MAX]) {
    // What clients of version 1 log; the first is the text of the original.
    static const char INACTIVE[] =
        "Another endpoint connected with the same endpoint id. No more messages will be received.";
    static const char ACTIVE[] = "The other endpoint with the same endpoint id has gone. Messages are received again.";
    ASSERT(iroh_is_b(d));
    const char *text = is_active ? ACTIVE : INACTIVE;
    uint8_t status = is_active ? 0 : 1;
    if (d == IROH_B_V1)
        return write_frame(d, IROH_A_HEALTH, IROH_B_HEALTH, (const uint8_t *)text, strlen(text), ret);
    return write_frame(d, IROH_A_HEALTH, IROH_B_STATUS, &status, sizeof(status), ret);
}
