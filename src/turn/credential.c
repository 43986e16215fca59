// SPDX-License-Identifier: MIT
#include "turn/credential.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "turn/mac.h"

_Static_assert(BASE64_ENCODED_LEN(TURN_SHA1_LEN) + 1 == TURN_PASSWORD_SIZE, "the password has the size promised");

void turn_credential_password(struct slice secret, struct slice username, char ret[TURN_PASSWORD_SIZE]) {
    uint8_t mac[TURN_SHA1_LEN];
    turn_hmac_sha1(secret, &username, 1, mac);
    base64_encode(mac, sizeof(mac), ret);
    explicit_bzero(mac, sizeof(mac));
}

void turn_credential_make(struct slice secret, int64_t now_s, struct turn_credential *ret) {
    *ret = (struct turn_credential){0};
    (void)snprintf(ret->username, sizeof(ret->username), "%" PRId64, now_s + TURN_VALID_S);
    turn_credential_password(secret, slice_from_cstr(ret->username), ret->password);
}

bool turn_username_valid(struct slice username, int64_t now_s) {
    struct slice digits, suffix;
    uint64_t expiry = 0;
    if (username.len > TURN_USERNAME_MAX)
        return false;
    (void)slice_cut(username, ':', &digits, &suffix);
    if (!slice_to_u64(digits, &expiry) || now_s < 0)
        return false;
    uint64_t now = (uint64_t)now_s;
    return expiry >= now && expiry - now <= TURN_VALID_MAX_S;
}

void turn_credential_key(struct slice secret, struct slice username, struct slice realm, uint8_t ret[TURN_KEY_LEN]) {
    ASSERT(username.len <= TURN_USERNAME_MAX);
    char password[TURN_PASSWORD_SIZE];
    turn_credential_password(secret, username, password);
    const struct slice parts[] = {username, SLICE(":"), realm, SLICE(":"), slice_from_cstr(password)};
    turn_md5(parts, ARRAY_LEN(parts), ret);
    explicit_bzero(password, sizeof(password));
}
