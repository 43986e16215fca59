// SPDX-License-Identifier: MIT
#include "account/invite.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "account/base64url.h"
#include "account/name.h"
#include "base/random.h"

enum {
    FORMAT = 1,
    AT_EXPIRY = 1,
    AT_INVITATION = 4,
    AT_RANDOM = AT_INVITATION + ACCOUNT_INVITATION_LEN,
    RANDOM_LEN = 12,
    AT_MAC = AT_RANDOM + RANDOM_LEN,
    MAC_LEN = 16,
    OCTETS = AT_MAC + MAC_LEN,
    HOUR_S = 3600,
};
_Static_assert(BASE64URL_LEN(OCTETS) + 1 == INVITE_PASSWORD_SIZE, "the password has the size that is promised");
_Static_assert((int)OCTETS <= (int)BASE64URL_OCTETS_MAX, "the password can be encoded");

// What stands before the local part has one length, so no octet can move from one to the other.
static void mac_of(const uint8_t secret[STORE_SECRET_LEN], const uint8_t octets[OCTETS], struct slice local_part,
                   uint8_t ret[MAC_LEN]) {
    uint8_t text[AT_MAC + ACCOUNT_NAME_SIZE], mac[EVP_MAX_MD_SIZE];
    ASSERT(local_part.len <= ACCOUNT_NAME_SIZE);
    memcpy(text, octets, AT_MAC);
    memcpy(text + AT_MAC, local_part.ptr, local_part.len);
    unsigned mac_len = 0;
    ASSERT(HMAC(EVP_sha256(), secret, STORE_SECRET_LEN, text, AT_MAC + local_part.len, mac, &mac_len) != NULL);
    ASSERT(mac_len >= MAC_LEN);
    memcpy(ret, mac, MAC_LEN);
    explicit_bzero(mac, sizeof(mac));
}

void account_invite_password(const uint8_t secret[STORE_SECRET_LEN], const uint8_t invitation[ACCOUNT_INVITATION_LEN],
                             struct slice local_part, int64_t now_s, char ret[INVITE_PASSWORD_SIZE]) {
    uint8_t octets[OCTETS] = {FORMAT};
    uint32_t expiry = (uint32_t)((now_s + INVITE_VALID_S + HOUR_S - 1) / HOUR_S);
    octets[AT_EXPIRY] = (uint8_t)(expiry >> 16);
    octets[AT_EXPIRY + 1] = (uint8_t)(expiry >> 8);
    octets[AT_EXPIRY + 2] = (uint8_t)expiry;
    memcpy(octets + AT_INVITATION, invitation, ACCOUNT_INVITATION_LEN);
    random_bytes(octets + AT_RANDOM, RANDOM_LEN);
    mac_of(secret, octets, local_part, octets + AT_MAC);
    base64url_encode(octets, sizeof(octets), ret);
    explicit_bzero(octets, sizeof(octets));
}

bool account_invite_verify(const uint8_t secret[STORE_SECRET_LEN], struct slice password, struct slice local_part,
                           int64_t now_s, uint8_t ret_invitation[ACCOUNT_INVITATION_LEN]) {
    uint8_t octets[OCTETS], want[MAC_LEN];
    if (local_part.len > ACCOUNT_NAME_SIZE || !base64url_decode(password, octets, sizeof(octets)))
        return false;
    mac_of(secret, octets, local_part, want);
    int64_t expiry = (int64_t)octets[AT_EXPIRY] << 16 | (int64_t)octets[AT_EXPIRY + 1] << 8 | octets[AT_EXPIRY + 2];
    bool ok = CRYPTO_memcmp(octets + AT_MAC, want, MAC_LEN) == 0 && octets[0] == FORMAT && now_s < expiry * HOUR_S;
    if (ok)
        memcpy(ret_invitation, octets + AT_INVITATION, ACCOUNT_INVITATION_LEN);
    explicit_bzero(octets, sizeof(octets));
    explicit_bzero(want, sizeof(want));
    return ok;
}

// ---- tokens ----

_Static_assert(BASE64URL_LEN(ACCOUNT_INVITATION_LEN) + 1 == ACCOUNT_TOKEN_SIZE,
               "a token has the size that is promised");

void account_token_write(const uint8_t invitation[ACCOUNT_INVITATION_LEN], char ret[ACCOUNT_TOKEN_SIZE]) {
    base64url_encode(invitation, ACCOUNT_INVITATION_LEN, ret);
}

bool account_token_parse(struct slice token, uint8_t ret[ACCOUNT_INVITATION_LEN]) {
    return base64url_decode(token, ret, ACCOUNT_INVITATION_LEN);
}
