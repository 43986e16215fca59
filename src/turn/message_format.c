// SPDX-License-Identifier: MIT
#include "turn/message_format.h"

#include <zlib.h>

void turn_xor_address(const uint8_t id[TURN_ID_LEN], const uint8_t *from, size_t len, uint8_t *to) {
    uint8_t mask[4 + TURN_ID_LEN];
    turn_store32(mask, TURN_COOKIE);
    for (size_t i = 0; i < TURN_ID_LEN; i++)
        mask[4 + i] = id[i];
    for (size_t i = 0; i < len; i++)
        to[i] = from[i] ^ mask[i];
}

void turn_message_mac(struct slice key, struct slice before, uint8_t ret[TURN_INTEGRITY_LEN]) {
    char length[2];
    turn_store16((uint8_t *)length, (unsigned)(before.len + TURN_INTEGRITY_SPACE - TURN_HEADER_LEN));
    const struct slice parts[] = {
        slice_sub(before, 0, TURN_AT_LENGTH),
        slice_make(length, sizeof(length)),
        slice_sub(before, TURN_AT_COOKIE, before.len),
    };
    turn_hmac_sha1(key, parts, ARRAY_LEN(parts), ret);
}

uint32_t turn_message_crc(const uint8_t *message, size_t len) {
    return (uint32_t)crc32(0, message, (unsigned)len) ^ TURN_FINGERPRINT_XOR;
}
