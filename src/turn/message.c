// SPDX-License-Identifier: MIT
// Reading: one walk over the attributes fills the struct. Writing is in message_write.c.
#include "turn/message.h"

#include <openssl/crypto.h>
#include <string.h>

#include "turn/message_format.h"

enum {
    USERNAME_LEN_MAX = 508, // RFC 8489 section 14.3: fewer than 509 octets
    COMPREHENSION_OPTIONAL = 0x8000,
    ERROR_CODE_LEN_MIN = 4,
    RESERVATION_TOKEN_LEN = 8,
};

struct attribute {
    uint16_t type;
    size_t at; // offset of its header
    struct slice value;
};

enum turn_kind turn_packet_kind(struct slice datagram) {
    if (datagram.len < TURN_CHANNEL_HEADER_LEN)
        return TURN_KIND_OTHER;
    uint8_t first = (uint8_t)datagram.ptr[0];
    if (first < 0x40)
        return datagram.len < TURN_HEADER_LEN || first > 3 ? TURN_KIND_OTHER : TURN_KIND_STUN;
    return first < 0x80 ? TURN_KIND_CHANNEL : TURN_KIND_OTHER;
}

bool turn_channel_parse(struct slice datagram, uint16_t *ret_channel, struct slice *ret_data) {
    if (datagram.len < TURN_CHANNEL_HEADER_LEN)
        return false;
    uint16_t channel = turn_load16(datagram.ptr);
    size_t len = turn_load16(datagram.ptr + 2);
    if (channel < TURN_CHANNEL_MIN || channel > TURN_CHANNEL_MAX || len > datagram.len - TURN_CHANNEL_HEADER_LEN)
        return false;
    *ret_channel = channel;
    *ret_data = slice_make(datagram.ptr + TURN_CHANNEL_HEADER_LEN, len);
    return true;
}

// Takes the attribute at offset *at; false when it does not fit (what is left is then no message).
static bool attribute_next(struct slice octets, size_t *at, struct attribute *ret) {
    size_t left = octets.len - *at;
    if (left < TURN_ATTRIBUTE_HEADER_LEN)
        return false;
    const char *head = octets.ptr + *at;
    size_t len = turn_load16(head + 2);
    if (turn_padded(len) > left - TURN_ATTRIBUTE_HEADER_LEN)
        return false;
    *ret = (struct attribute){turn_load16(head), *at, slice_make(head + TURN_ATTRIBUTE_HEADER_LEN, len)};
    *at += TURN_ATTRIBUTE_HEADER_LEN + turn_padded(len);
    return true;
}

static bool read_address(struct slice value, const uint8_t *id, struct turn_peer *ret) {
    if (value.len != TURN_ADDRESS_IPV4_LEN && value.len != TURN_ADDRESS_IPV6_LEN)
        return false;
    bool ipv6 = value.len == TURN_ADDRESS_IPV6_LEN;
    if (value.ptr[1] != (ipv6 ? TURN_FAMILY_IPV6 : TURN_FAMILY_IPV4))
        return false;
    struct turn_peer peer = {.ipv6 = ipv6};
    peer.address.port = (uint16_t)(turn_load16(value.ptr + 2) ^ TURN_COOKIE >> 16);
    const uint8_t *ip = (const uint8_t *)value.ptr + 4;
    if (ipv6) {
        turn_xor_address(id, ip, sizeof(peer.address.ip), peer.address.ip);
    } else {
        peer.address.ip[10] = peer.address.ip[11] = 0xff;
        turn_xor_address(id, ip, 4, peer.address.ip + TURN_MAPPED_PREFIX_LEN);
    }
    *ret = peer;
    return true;
}

static bool read_text(struct slice value, size_t max, struct slice *ret) {
    *ret = value;
    return value.len <= max;
}

static bool read_u8(struct slice value, size_t len, uint8_t *ret) {
    if (value.len != len)
        return false;
    *ret = (uint8_t)value.ptr[0];
    return true;
}

static bool read_channel(struct slice value, uint16_t *ret) {
    if (value.len != 4)
        return false;
    *ret = turn_load16(value.ptr);
    return true;
}

static bool read_u32(struct slice value, uint32_t *ret) {
    if (value.len != 4)
        return false;
    *ret = turn_load32(value.ptr);
    return true;
}

static bool read_error(struct slice value, uint16_t *ret) {
    if (value.len < ERROR_CODE_LEN_MIN)
        return false;
    unsigned class = (uint8_t)value.ptr[2] & 7u, number = (uint8_t)value.ptr[3];
    *ret = (uint16_t)(class * 100 + number);
    return class >= 3 && class <= 6 && number < 100;
}

static bool read_even_port(struct slice value, bool *ret) {
    uint8_t octet = 0;
    if (!read_u8(value, 1, &octet))
        return false;
    *ret = octet & 0x80;
    return true;
}

static uint32_t bit_of(uint16_t type) {
    switch (type) {
    case TURN_USERNAME:
        return TURN_HAS_USERNAME;
    case TURN_MESSAGE_INTEGRITY:
        return TURN_HAS_INTEGRITY;
    case TURN_ERROR_CODE:
        return TURN_HAS_ERROR_CODE;
    case TURN_CHANNEL_NUMBER:
        return TURN_HAS_CHANNEL_NUMBER;
    case TURN_LIFETIME:
        return TURN_HAS_LIFETIME;
    case TURN_XOR_PEER_ADDRESS:
        return TURN_HAS_PEER;
    case TURN_DATA_ATTRIBUTE:
        return TURN_HAS_DATA;
    case TURN_REALM:
        return TURN_HAS_REALM;
    case TURN_NONCE:
        return TURN_HAS_NONCE;
    case TURN_XOR_RELAYED_ADDRESS:
        return TURN_HAS_RELAYED;
    case TURN_REQUESTED_ADDRESS_FAMILY:
        return TURN_HAS_FAMILY;
    case TURN_EVEN_PORT:
        return TURN_HAS_EVEN_PORT;
    case TURN_REQUESTED_TRANSPORT:
        return TURN_HAS_TRANSPORT;
    case TURN_DONT_FRAGMENT:
        return TURN_HAS_DONT_FRAGMENT;
    case TURN_XOR_MAPPED_ADDRESS:
        return TURN_HAS_MAPPED;
    case TURN_RESERVATION_TOKEN:
        return TURN_HAS_RESERVATION_TOKEN;
    default:
        return 0;
    }
}

// The value of an attribute that bit_of() knows. False when its form is wrong.
static bool read_value(struct turn_message *m, const struct attribute *a) {
    switch (a->type) {
    case TURN_USERNAME:
        return read_text(a->value, USERNAME_LEN_MAX, &m->username);
    case TURN_REALM:
        return read_text(a->value, SIZE_MAX, &m->realm);
    case TURN_NONCE:
        return read_text(a->value, SIZE_MAX, &m->nonce);
    case TURN_DATA_ATTRIBUTE:
        return read_text(a->value, SIZE_MAX, &m->data);
    case TURN_ERROR_CODE:
        return read_error(a->value, &m->error_code);
    case TURN_CHANNEL_NUMBER:
        return read_channel(a->value, &m->channel);
    case TURN_LIFETIME:
        return read_u32(a->value, &m->lifetime);
    case TURN_XOR_PEER_ADDRESS:
        return read_address(a->value, m->id, &m->peer);
    case TURN_XOR_RELAYED_ADDRESS:
        return read_address(a->value, m->id, &m->relayed);
    case TURN_XOR_MAPPED_ADDRESS:
        return read_address(a->value, m->id, &m->mapped);
    case TURN_REQUESTED_ADDRESS_FAMILY:
        return read_u8(a->value, 4, &m->family);
    case TURN_REQUESTED_TRANSPORT:
        return read_u8(a->value, 4, &m->transport);
    case TURN_EVEN_PORT:
        return read_even_port(a->value, &m->even_port_reserve);
    case TURN_DONT_FRAGMENT:
        return a->value.len == 0;
    case TURN_RESERVATION_TOKEN:
        return read_text(a->value, RESERVATION_TOKEN_LEN, &m->token) && a->value.len == RESERVATION_TOKEN_LEN;
    case TURN_MESSAGE_INTEGRITY:
        m->integrity_at = a->at;
        return a->value.len == TURN_INTEGRITY_LEN;
    default:
        UNREACHABLE();
    }
}

static void take_attribute(struct turn_message *m, const struct attribute *a) {
    uint32_t bit = bit_of(a->type);
    if (bit != 0) {
        bool is_again = (m->has & bit) != 0;
        struct turn_peer again;
        if (is_again) // of a list of peers each counts, if only its form here
            m->malformed |= a->type == TURN_XOR_PEER_ADDRESS && !read_address(a->value, m->id, &again);
        else if (read_value(m, a))
            m->has |= bit;
        else
            m->malformed = true;
    } else if (a->type < COMPREHENSION_OPTIONAL && a->type != TURN_MAPPED_ADDRESS &&
               a->type != TURN_UNKNOWN_ATTRIBUTES && m->unknown_count < TURN_UNKNOWN_MAX) {
        m->unknown[m->unknown_count++] = a->type;
    }
}

static bool fingerprint_is_right(struct slice octets, const struct attribute *a) {
    return a->value.len == 4 && a->at + TURN_FINGERPRINT_SPACE == octets.len &&
           turn_load32(a->value.ptr) == turn_message_crc((const uint8_t *)octets.ptr, a->at);
}

static bool read_header(struct slice datagram, struct turn_message *ret) {
    if (datagram.len < TURN_HEADER_LEN || (uint8_t)datagram.ptr[0] > 0x3f ||
        turn_load32(datagram.ptr + TURN_AT_COOKIE) != TURN_COOKIE || datagram.len % 4 != 0 ||
        turn_load16(datagram.ptr + TURN_AT_LENGTH) != datagram.len - TURN_HEADER_LEN)
        return false;
    unsigned type = turn_load16(datagram.ptr);
    *ret = (struct turn_message){
        .octets = datagram,
        .class = (enum turn_class)(type & TURN_ERROR),
        .method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80)),
        .id = (const uint8_t *)datagram.ptr + TURN_AT_ID,
        .end = datagram.len,
    };
    return true;
}

bool turn_message_parse(struct slice datagram, struct turn_message *ret) {
    if (!read_header(datagram, ret))
        return false;
    struct attribute a;
    for (size_t at = TURN_HEADER_LEN; at < datagram.len;) {
        if (!attribute_next(datagram, &at, &a))
            return false;
        bool is_open = ret->end == datagram.len; // neither integrity nor fingerprint was there
        if (a.type == TURN_FINGERPRINT) {
            if (!fingerprint_is_right(datagram, &a))
                return false;
            ret->has |= TURN_HAS_FINGERPRINT;
        } else if (is_open) {
            take_attribute(ret, &a);
        }
        if (is_open && (a.type == TURN_FINGERPRINT || (ret->has & TURN_HAS_INTEGRITY)))
            ret->end = a.at;
    }
    return true;
}

bool turn_message_next_peer(const struct turn_message *m, size_t *at, struct turn_peer *ret) {
    struct slice counted = slice_sub(m->octets, 0, m->end);
    struct attribute a;
    if (*at < TURN_HEADER_LEN)
        *at = TURN_HEADER_LEN;
    while (*at < counted.len && attribute_next(counted, at, &a))
        if (a.type == TURN_XOR_PEER_ADDRESS && read_address(a.value, m->id, ret))
            return true;
    return false;
}

bool turn_message_verify_short_term(const struct turn_message *m, struct slice key) {
    if (!(m->has & TURN_HAS_INTEGRITY) || key.len == 0)
        return false;
    uint8_t want[TURN_INTEGRITY_LEN];
    turn_message_mac(key, slice_sub(m->octets, 0, m->integrity_at), want);
    const char *got = m->octets.ptr + m->integrity_at + TURN_ATTRIBUTE_HEADER_LEN;
    return CRYPTO_memcmp(got, want, sizeof(want)) == 0;
}

bool turn_message_verify(const struct turn_message *m, const uint8_t key[TURN_KEY_LEN]) {
    return turn_message_verify_short_term(m, slice_make((const char *)key, TURN_KEY_LEN));
}
