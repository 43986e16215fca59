// SPDX-License-Identifier: MIT
// What reading and writing of STUN messages share: numbers of the format and octet order. Private to this room.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "turn/mac.h"
#include "turn/message.h"

#define TURN_COOKIE 0x2112a442u
#define TURN_FINGERPRINT_XOR 0x5354554eu

enum {
    TURN_AT_LENGTH = 2,
    TURN_AT_COOKIE = 4,
    TURN_AT_ID = 8,
    TURN_ATTRIBUTE_HEADER_LEN = 4,
    TURN_INTEGRITY_SPACE = TURN_ATTRIBUTE_HEADER_LEN + TURN_INTEGRITY_LEN,
    TURN_FINGERPRINT_SPACE = TURN_ATTRIBUTE_HEADER_LEN + 4,
    TURN_ADDRESS_IPV4_LEN = 8,
    TURN_ADDRESS_IPV6_LEN = 20,
    TURN_MAPPED_PREFIX_LEN = 12, // of an IPv4 address in struct net_address
};

static inline uint16_t turn_load16(const void *at) {
    const uint8_t *p = at;
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t turn_load32(const void *at) {
    const uint8_t *p = at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void turn_store16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
static inline void turn_store32(uint8_t *at, uint32_t value) {
    turn_store16(at, value >> 16);
    turn_store16(at + 2, value & 0xffff);
}
static inline size_t turn_padded(size_t len) {
    return (len + 3) & ~(size_t)3;
}

// Obfuscates or clears up `len` octets of an address (RFC 8489 section 14.2): xor with cookie and transaction id.
void turn_xor_address(const uint8_t id[TURN_ID_LEN], const uint8_t *from, size_t len, uint8_t *to);

// The MESSAGE-INTEGRITY of a message of which the `len` octets before that attribute are given; what stands in its
// length field does not matter.
void turn_message_mac(struct slice key, struct slice before, uint8_t ret[TURN_INTEGRITY_LEN]);

// The value of FINGERPRINT after the `len` octets of a message whose length field already counts it.
uint32_t turn_message_crc(const uint8_t *message, size_t len);
