// SPDX-License-Identifier: MIT
#include "iroh/dialect_a.h"

#include <string.h>

// What a client may send after its handshake, by type; all else (zero) is IROH_BAD. Ignored are the frames of servers
// that a client has no business to send but may.
struct rule {
    enum iroh_kind kind;
    uint32_t min, max; // octets of the payload
};

static const struct rule RULES[] = {
    [IROH_A_SEND_PACKET] = {IROH_PACKET, IROH_KEY_LEN, IROH_KEY_LEN + IROH_PACKET_MAX},
    [IROH_A_RECV_PACKET] = {IROH_IGNORED, IROH_KEY_LEN, IROH_KEY_LEN + IROH_PACKET_MAX},
    [IROH_A_KEEP_ALIVE] = {IROH_IGNORED, 0, 0},
    [IROH_A_NOTE_PREFERRED] = {IROH_IGNORED, 1, 1},
    [IROH_A_NODE_GONE] = {IROH_IGNORED, IROH_KEY_LEN, IROH_KEY_LEN},
    [IROH_A_PING] = {IROH_PING, IROH_PING_LEN, IROH_PING_LEN},
    [IROH_A_PONG] = {IROH_PONG, IROH_PING_LEN, IROH_PING_LEN},
    [IROH_A_RESTARTING] = {IROH_IGNORED, 8, 8},
};

// A packet is a row of datagrams, each behind its length (u16); the first one begins with this when it is of the
// protocol that finds a direct way ("TS" and U+1F4AC).
static bool is_discovery(struct slice packet) {
    return slice_starts_with(slice_sub(packet, 2, packet.len), SLICE("TS\xf0\x9f\x92\xac"));
}

static void read_payload(struct slice payload, struct iroh_frame *ret) {
    switch (ret->kind) {
    case IROH_PACKET:
        memcpy(ret->key, payload.ptr, IROH_KEY_LEN);
        ret->packet_type = IROH_A_RECV_PACKET;
        ret->body = websocket_plain(slice_sub(payload, IROH_KEY_LEN, payload.len));
        ret->is_discovery = is_discovery(ret->body.data);
        return;
    case IROH_PING:
    case IROH_PONG:
        memcpy(ret->ping, payload.ptr, IROH_PING_LEN);
        return;
    default:
        return;
    }
}

void iroh_a_parse(struct slice in, struct iroh_frame *ret) {
    *ret = (struct iroh_frame){.kind = IROH_MORE};
    const uint8_t *p = (const uint8_t *)in.ptr;
    if (in.len > 0 && (p[0] >= ARRAY_LEN(RULES) || RULES[p[0]].kind == IROH_BAD))
        ret->kind = IROH_BAD;
    if (in.len < IROH_A_HEADER_LEN || ret->kind == IROH_BAD)
        return;
    const struct rule *rule = &RULES[p[0]];
    uint32_t len = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    if (len < rule->min || len > rule->max) {
        ret->kind = IROH_BAD;
        return;
    }
    if (in.len - IROH_A_HEADER_LEN < len)
        return;
    // A preference is 0 or 1.
    bool is_bad = p[0] == IROH_A_NOTE_PREFERRED && p[IROH_A_HEADER_LEN] > 1;
    ret->kind = is_bad ? IROH_BAD : rule->kind;
    ret->len = IROH_A_HEADER_LEN + len;
    read_payload(slice_make(in.ptr + IROH_A_HEADER_LEN, len), ret);
}

size_t iroh_a_write_header(enum iroh_a_type type, size_t len, uint8_t ret[static IROH_A_HEADER_LEN]) {
    ASSERT(len <= IROH_KEY_LEN + IROH_PACKET_MAX);
    ret[0] = (uint8_t)type;
    ret[1] = (uint8_t)(len >> 24);
    ret[2] = (uint8_t)(len >> 16 & 0xff);
    ret[3] = (uint8_t)(len >> 8 & 0xff);
    ret[4] = (uint8_t)(len & 0xff);
    return IROH_A_HEADER_LEN;
}

size_t iroh_a_write_health(const char *text, uint8_t ret[static IROH_SMALL_MAX]) {
    size_t len = strlen(text);
    ASSERT(len <= IROH_A_HEALTH_MAX);
    size_t n = iroh_a_write_header(IROH_A_HEALTH, len, ret);
    memcpy(ret + n, text, len);
    return n + len;
}
