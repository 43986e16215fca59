// SPDX-License-Identifier: MIT
// Passwords that prove an invitation. Such a password is 64 characters of base64url, for these 48 octets:
//
//    0  format, 1
//    1  expiry: hours since 1970, three octets, big-endian; not valid from that hour on
//    4  number of the invitation, 16 octets
//   20  random, 12 octets
//   32  the first 16 octets of HMAC-SHA-256 over all of the above and the local part
//
// The key is a secret of the store, so nobody else can make one, and one made for a local part is worth nothing for
// another. Nothing is stored for it: whoever never logs in leaves nothing behind. Once the account exists the password
// is compared with its hash like any other, and what is in it means nothing more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account/offer.h"
#include "base/panic.h"
#include "base/slice.h"
#include "store/invitation_ops.h"

enum { INVITE_PASSWORD_SIZE = 65, INVITE_VALID_S = 24 * 3600 };
#define INVITE_SECRET_NAME "invite"

// Valid for INVITE_VALID_S from now on, and up to an hour longer.
void account_invite_password(const uint8_t secret[STORE_SECRET_LEN], const uint8_t invitation[ACCOUNT_INVITATION_LEN],
                             struct slice local_part, int64_t now_s, char ret[INVITE_PASSWORD_SIZE]);

// Whether the password was made for this local part and has not expired. Takes the same time for every text of the
// right form. Whether the invitation is still good, the store decides.
MUST_USE bool account_invite_verify(const uint8_t secret[STORE_SECRET_LEN], struct slice password,
                                    struct slice local_part, int64_t now_s,
                                    uint8_t ret_invitation[ACCOUNT_INVITATION_LEN]);
