// SPDX-License-Identifier: MIT
// A nonce is base64 of 2 octets of time and 10 of the MAC. 16 bits of seconds come round after 18 hours; the MAC is
// over all of the time, so an old one cannot pass for a new one.
#include "turn/nonce.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/base64.h"
#include "turn/mac.h"

enum { TIME_LEN = 2, MAC_LEN = 10, OCTETS = TIME_LEN + MAC_LEN };
_Static_assert(BASE64_ENCODED_LEN(OCTETS) == TURN_NONCE_LEN, "the nonce has the length promised");
_Static_assert(TURN_NONCE_VALID_S <= UINT16_MAX, "the time of a valid nonce is known from its low bits");

static void mac_of(struct slice secret, const struct net_address *client, uint64_t made_s, uint8_t ret[MAC_LEN]) {
    uint8_t text[8 + sizeof(client->ip) + 2], mac[TURN_SHA1_LEN];
    for (size_t i = 0; i < 8; i++)
        text[i] = (uint8_t)(made_s >> (56 - 8 * i));
    memcpy(text + 8, client->ip, sizeof(client->ip));
    text[sizeof(text) - 2] = (uint8_t)(client->port >> 8);
    text[sizeof(text) - 1] = (uint8_t)client->port;
    struct slice part = slice_make((const char *)text, sizeof(text));
    turn_hmac_sha1(secret, &part, 1, mac);
    memcpy(ret, mac, MAC_LEN);
}

void turn_nonce_make(struct slice secret, const struct net_address *client, int64_t now_s, char ret[TURN_NONCE_LEN]) {
    uint8_t octets[OCTETS] = {(uint8_t)((uint64_t)now_s >> 8), (uint8_t)now_s};
    char text[TURN_NONCE_LEN + 1];
    mac_of(secret, client, (uint64_t)now_s, octets + TIME_LEN);
    base64_encode(octets, sizeof(octets), text);
    memcpy(ret, text, TURN_NONCE_LEN);
}

bool turn_nonce_valid(struct slice secret, const struct net_address *client, int64_t now_s, struct slice nonce) {
    uint8_t octets[OCTETS], want[MAC_LEN];
    size_t len = 0;
    if (nonce.len != TURN_NONCE_LEN || !base64_decode(nonce, octets, &len) || len != sizeof(octets))
        return false;
    uint16_t low = (uint16_t)(octets[0] << 8 | octets[1]);
    uint64_t now = (uint64_t)now_s, age = (uint16_t)(now - low);
    mac_of(secret, client, now - age, want);
    return CRYPTO_memcmp(octets + TIME_LEN, want, sizeof(want)) == 0 && age <= TURN_NONCE_VALID_S;
}
