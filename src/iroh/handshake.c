// SPDX-License-Identifier: MIT
#include "iroh/handshake.h"

#include <sodium/crypto_sign_ed25519.h>
#include <string.h>

#include "account/base64url.h"
#include "iroh/blake3_block.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"

_Static_assert(IROH_KEY_LEN == crypto_sign_ed25519_PUBLICKEYBYTES, "a key is a public key of Ed25519");
_Static_assert(IROH_SIGNATURE_LEN == crypto_sign_ed25519_BYTES, "and so is a signature");

// In front of ClientInfo: "RELAY" and U+1F511. Behind key and signature: what is signed, the protocol version.
static const char MAGIC[] = "RELAY\xf0\x9f\x94\x91";
static const uint8_t VERSION[] = {3};
// A signature in dialect B is written with its length, a variable-length integer.
static const uint8_t SIGNATURE_PREFIX = IROH_SIGNATURE_LEN;

enum {
    MAGIC_LEN = sizeof(MAGIC) - 1,
    A_PAYLOAD_LEN = MAGIC_LEN + IROH_KEY_LEN + IROH_SIGNATURE_LEN + sizeof(VERSION),
    PROOF_LEN = IROH_KEY_LEN + 1 + IROH_SIGNATURE_LEN, // key, length, signature
    TICKET_LEN = PROOF_LEN + IROH_MATERIAL_HALF,
};
_Static_assert(IROH_A_HELLO_LEN == IROH_A_HEADER_LEN + A_PAYLOAD_LEN, "all of ClientInfo");

// libsodium refuses what is not canonical, and keys and R of small order. It needs no initialisation for this.
static bool signature_is_valid(const uint8_t *signature, const uint8_t *message, size_t len, const uint8_t *key) {
    return crypto_sign_ed25519_verify_detached(signature, message, len, key) == 0;
}

enum iroh_hello iroh_a_hello(struct slice in, size_t *ret_len, uint8_t ret_key[static IROH_KEY_LEN]) {
    uint8_t start[IROH_A_HEADER_LEN + MAGIC_LEN];
    memcpy(start + iroh_a_write_header(IROH_A_CLIENT_INFO, A_PAYLOAD_LEN, start), MAGIC, MAGIC_LEN);
    size_t there = in.len < sizeof(start) ? in.len : sizeof(start);
    if (there > 0 && memcmp(in.ptr, start, there) != 0)
        return IROH_HELLO_BAD;
    if (in.len < IROH_A_HELLO_LEN)
        return IROH_HELLO_MORE;
    const uint8_t *key = (const uint8_t *)in.ptr + sizeof(start);
    const uint8_t *signature = key + IROH_KEY_LEN, *version = signature + IROH_SIGNATURE_LEN;
    if (memcmp(version, VERSION, sizeof(VERSION)) != 0 || !signature_is_valid(signature, VERSION, sizeof(VERSION), key))
        return IROH_HELLO_REFUSED;
    memcpy(ret_key, key, IROH_KEY_LEN);
    *ret_len = IROH_A_HELLO_LEN;
    return IROH_HELLO_OK;
}

size_t iroh_a_write_refusal(uint8_t ret[static IROH_SMALL_MAX]) {
    return iroh_a_write_health("not authenticated", ret);
}

size_t iroh_b_write_challenge(const uint8_t challenge[IROH_CHALLENGE_LEN], uint8_t ret[static IROH_SMALL_MAX]) {
    size_t n = iroh_b_write_header(IROH_B_SERVER_CHALLENGE, IROH_CHALLENGE_LEN, ret);
    memcpy(ret + n, challenge, IROH_CHALLENGE_LEN);
    return n + IROH_CHALLENGE_LEN;
}

size_t iroh_b_write_confirmation(uint8_t ret[static IROH_SMALL_MAX]) {
    return iroh_b_write_header(IROH_B_SERVER_CONFIRMS_AUTH, 0, ret);
}

size_t iroh_b_write_denial(const char *reason, uint8_t ret[static IROH_SMALL_MAX]) {
    size_t len = strlen(reason);
    size_t n = iroh_b_write_header(IROH_B_SERVER_DENIES_AUTH, 1 + len, ret);
    ASSERT(len < 128 && n + 1 + len <= IROH_SMALL_MAX); // its length is one octet
    ret[n] = (uint8_t)len;
    memcpy(ret + n + 1, reason, len);
    return n + 1 + len;
}

enum iroh_hello iroh_b_auth(const struct websocket_payload *message, const uint8_t challenge[IROH_CHALLENGE_LEN],
                            uint8_t ret_key[static IROH_KEY_LEN]) {
    uint8_t m[1 + PROOF_LEN], to_sign[BLAKE3_KEY_LEN];
    if (message->data.len != sizeof(m))
        return IROH_HELLO_BAD;
    websocket_copy(message, 0, sizeof(m), m);
    const uint8_t *key = m + 1, *prefix = key + IROH_KEY_LEN, *signature = prefix + 1;
    if (m[0] != IROH_B_CLIENT_AUTH || *prefix != SIGNATURE_PREFIX)
        return IROH_HELLO_BAD;
    blake3_derive_key(SLICE("iroh-relay handshake v1 challenge signature"),
                      slice_make((const char *)challenge, IROH_CHALLENGE_LEN), to_sign);
    if (!signature_is_valid(signature, to_sign, sizeof(to_sign), key))
        return IROH_HELLO_REFUSED;
    memcpy(ret_key, key, IROH_KEY_LEN);
    return IROH_HELLO_OK;
}

// Longer than what is decoded at once: in pieces of whole groups, so that each is a text of its own.
static bool decode(struct slice text, uint8_t *ret, size_t len) {
    enum { PIECE = BASE64URL_OCTETS_MAX / 3 * 3 };
    while (len > 0) {
        size_t n = len < PIECE ? len : PIECE;
        if (!base64url_decode(slice_sub(text, 0, len > n ? BASE64URL_LEN(n) : text.len), ret, n))
            return false;
        text = slice_sub(text, BASE64URL_LEN(n), text.len);
        ret += n;
        len -= n;
    }
    return true;
}

bool iroh_b_ticket_parse(struct slice value, struct iroh_b_ticket *ret) {
    uint8_t t[TICKET_LEN];
    if (value.len != BASE64URL_LEN(sizeof(t)) || !decode(value, t, sizeof(t)) || t[IROH_KEY_LEN] != SIGNATURE_PREFIX)
        return false;
    memcpy(ret->key, t, IROH_KEY_LEN);
    memcpy(ret->signature, t + IROH_KEY_LEN + 1, IROH_SIGNATURE_LEN);
    memcpy(ret->suffix, t + PROOF_LEN, IROH_MATERIAL_HALF);
    return true;
}

bool iroh_b_ticket_is_valid(const struct iroh_b_ticket *t, const uint8_t material[IROH_MATERIAL_LEN]) {
    return memcmp(t->suffix, material + IROH_MATERIAL_HALF, IROH_MATERIAL_HALF) == 0 &&
           signature_is_valid(t->signature, material, IROH_MATERIAL_HALF, t->key);
}
