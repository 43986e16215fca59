// SPDX-License-Identifier: MIT
// Credentials that expire by themselves (the "TURN REST API" that coturn also knows): the user name is the time of
// expiry in decimal seconds, perhaps followed by ':' and anything; the password is base64(HMAC-SHA1(secret, user
// name)). Nothing is stored for them, and whoever knows the secret can check them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "turn/message.h"

enum {
    TURN_VALID_S = 5 * 86400,     // how long those that we give out are good at least,
    TURN_SPREAD_S = 12 * 3600,    // and by up to how much longer, at random: so they differ
    TURN_VALID_MAX_S = 6 * 86400, // nobody has one for longer
    TURN_USERNAME_SIZE = 21,      // 20 digits and a NUL: what we give out
    TURN_USERNAME_MAX = 128,      // what we take
    TURN_PASSWORD_SIZE = 28 + 1,  // base64 of 20 octets, NUL
};

struct turn_credential {
    char username[TURN_USERNAME_SIZE];
    char password[TURN_PASSWORD_SIZE];
};

// Credentials that are good until now_s + TURN_VALID_S.
void turn_credential_make(struct slice secret, int64_t now_s, struct turn_credential *ret);

// The password of any user name of at most TURN_USERNAME_MAX octets, NUL-terminated.
void turn_credential_password(struct slice secret, struct slice username, char ret[TURN_PASSWORD_SIZE]);

// Whether the user name has the right form and names a time from now_s to now_s + TURN_VALID_MAX_S.
MUST_USE bool turn_username_valid(struct slice username, int64_t now_s);

// The long-term key of a user name (RFC 8489 section 9.2.2): MD5(user name ":" realm ":" password). The realm is ours,
// never the one that the client sent. User name of at most TURN_USERNAME_MAX octets.
void turn_credential_key(struct slice secret, struct slice username, struct slice realm, uint8_t ret[TURN_KEY_LEN]);
