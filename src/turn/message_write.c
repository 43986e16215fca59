// SPDX-License-Identifier: MIT
// Writing of STUN messages, and wrapping of what peers sent.
#include <string.h>

#include "turn/message.h"
#include "turn/message_format.h"

enum { ATTRIBUTES_MAX = 0xfffc, ERROR_AT_CLASS = 2 };

// RFC 8489 section 5: the class bits stand between those of the method.
static unsigned type_of(enum turn_class class, uint16_t method) {
    return (unsigned)class | (method & 0xfu) | (method & 0x70u) << 1 | (method & 0xf80u) << 2;
}

static void write_header(uint8_t *at, unsigned type, size_t attributes_len, const uint8_t id[TURN_ID_LEN]) {
    turn_store16(at, type);
    turn_store16(at + TURN_AT_LENGTH, (unsigned)attributes_len);
    turn_store32(at + TURN_AT_COOKIE, TURN_COOKIE);
    memcpy(at + TURN_AT_ID, id, TURN_ID_LEN);
}

// The value of an XOR address; returns its length.
static size_t write_address(uint8_t *at, const struct net_address *address, const uint8_t id[TURN_ID_LEN]) {
    bool ipv4 = net_address_is_ipv4(address);
    at[0] = 0;
    at[1] = ipv4 ? TURN_FAMILY_IPV4 : TURN_FAMILY_IPV6;
    turn_store16(at + 2, address->port ^ TURN_COOKIE >> 16);
    size_t skipped = ipv4 ? TURN_MAPPED_PREFIX_LEN : 0;
    turn_xor_address(id, address->ip + skipped, sizeof(address->ip) - skipped, at + 4);
    return ipv4 ? TURN_ADDRESS_IPV4_LEN : TURN_ADDRESS_IPV6_LEN;
}

void turn_writer_begin(struct turn_writer *w, void *mem, size_t size, enum turn_class class, uint16_t method,
                       const uint8_t id[TURN_ID_LEN]) {
    *w = (struct turn_writer){.mem = mem, .size = size, .len = TURN_HEADER_LEN, .failed = size < TURN_HEADER_LEN};
    if (!w->failed)
        write_header(w->mem, type_of(class, method), 0, id);
}

void turn_writer_answer(struct turn_writer *w, void *mem, size_t size, enum turn_class class,
                        const struct turn_message *request) {
    turn_writer_begin(w, mem, size, class, request->method, request->id);
}

// Room for an attribute of `len` octets, its head and padding written; NULL when it does not fit.
static uint8_t *put_attribute(struct turn_writer *w, unsigned attribute, size_t len) {
    size_t space = TURN_ATTRIBUTE_HEADER_LEN + turn_padded(len);
    if (w->failed || len > ATTRIBUTES_MAX || space > w->size - w->len ||
        w->len + space > TURN_HEADER_LEN + ATTRIBUTES_MAX) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->mem + w->len;
    turn_store16(at, attribute);
    turn_store16(at + 2, (unsigned)len);
    memset(at + TURN_ATTRIBUTE_HEADER_LEN + len, 0, space - TURN_ATTRIBUTE_HEADER_LEN - len);
    w->len += space;
    return at + TURN_ATTRIBUTE_HEADER_LEN;
}

void turn_put_octets(struct turn_writer *w, enum turn_attribute attribute, struct slice value) {
    uint8_t *at = put_attribute(w, attribute, value.len);
    if (at != NULL && value.len > 0)
        memcpy(at, value.ptr, value.len);
}

void turn_put_u32(struct turn_writer *w, enum turn_attribute attribute, uint32_t value) {
    uint8_t *at = put_attribute(w, attribute, 4);
    if (at != NULL)
        turn_store32(at, value);
}

void turn_put_channel(struct turn_writer *w, uint16_t channel) {
    turn_put_u32(w, TURN_CHANNEL_NUMBER, (uint32_t)channel << 16);
}

void turn_put_address(struct turn_writer *w, enum turn_attribute attribute, const struct net_address *address) {
    bool ipv4 = net_address_is_ipv4(address);
    uint8_t *at = put_attribute(w, attribute, ipv4 ? TURN_ADDRESS_IPV4_LEN : TURN_ADDRESS_IPV6_LEN);
    if (at != NULL)
        write_address(at, address, w->mem + TURN_AT_ID);
}

void turn_put_error(struct turn_writer *w, unsigned code, struct slice reason) {
    ASSERT(code >= 300 && code <= 699);
    uint8_t *at = put_attribute(w, TURN_ERROR_CODE, 4 + reason.len);
    if (at == NULL)
        return;
    turn_store32(at, 0);
    at[ERROR_AT_CLASS] = (uint8_t)(code / 100);
    at[ERROR_AT_CLASS + 1] = (uint8_t)(code % 100);
    if (reason.len > 0)
        memcpy(at + 4, reason.ptr, reason.len);
}

void turn_put_unknown(struct turn_writer *w, const uint16_t *attributes, size_t count) {
    ASSERT(count <= TURN_UNKNOWN_MAX);
    uint8_t *at = put_attribute(w, TURN_UNKNOWN_ATTRIBUTES, count * 2);
    for (size_t i = 0; at != NULL && i < count; i++)
        turn_store16(at + i * 2, attributes[i]);
}

static void write_length(struct turn_writer *w) {
    turn_store16(w->mem + TURN_AT_LENGTH, (unsigned)(w->len - TURN_HEADER_LEN));
}

void turn_put_integrity(struct turn_writer *w, const uint8_t key[TURN_KEY_LEN]) {
    struct slice before = slice_make((const char *)w->mem, w->len);
    uint8_t *at = put_attribute(w, TURN_MESSAGE_INTEGRITY, TURN_INTEGRITY_LEN);
    if (at != NULL)
        turn_message_mac(slice_make((const char *)key, TURN_KEY_LEN), before, at);
}

void turn_put_fingerprint(struct turn_writer *w) {
    size_t before = w->len;
    uint8_t *at = put_attribute(w, TURN_FINGERPRINT, 4);
    if (at == NULL)
        return;
    write_length(w);
    turn_store32(at, turn_message_crc(w->mem, before));
}

struct slice turn_writer_end(struct turn_writer *w) {
    if (w->failed)
        return SLICE_EMPTY;
    write_length(w);
    return slice_make((const char *)w->mem, w->len);
}

// ---- what a peer sent ----

struct slice turn_wrap_data(uint8_t *data, size_t len, const struct net_address *peer, const uint8_t id[TURN_ID_LEN]) {
    ASSERT(len <= TURN_DATA_MAX);
    size_t address_len = net_address_is_ipv4(peer) ? TURN_ADDRESS_IPV4_LEN : TURN_ADDRESS_IPV6_LEN;
    size_t head_len = TURN_HEADER_LEN + 2 * TURN_ATTRIBUTE_HEADER_LEN + address_len;
    uint8_t *start = data - head_len, *at = start + TURN_HEADER_LEN;
    size_t total = head_len + turn_padded(len);
    write_header(start, type_of(TURN_INDICATION, TURN_DATA), total - TURN_HEADER_LEN, id);
    turn_store16(at, TURN_XOR_PEER_ADDRESS);
    turn_store16(at + 2, (unsigned)address_len);
    at += TURN_ATTRIBUTE_HEADER_LEN;
    at += write_address(at, peer, id);
    turn_store16(at, TURN_DATA_ATTRIBUTE);
    turn_store16(at + 2, (unsigned)len);
    memset(data + len, 0, turn_padded(len) - len);
    return slice_make((const char *)start, total);
}

struct slice turn_wrap_channel(uint8_t *data, size_t len, uint16_t channel) {
    ASSERT(len <= UINT16_MAX);
    uint8_t *start = data - TURN_CHANNEL_HEADER_LEN;
    turn_store16(start, channel);
    turn_store16(start + 2, (unsigned)len);
    return slice_make((const char *)start, TURN_CHANNEL_HEADER_LEN + len);
}
