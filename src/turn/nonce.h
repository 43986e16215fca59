// SPDX-License-Identifier: MIT
// Nonces of which nothing is stored (RFC 8489 section 9.2): the low 16 bits of the second in which it was made, and a
// MAC over that second and the client's address and port. It is short (16 characters) so that the answer to a request
// that nobody has authenticated stays short.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"

enum {
    TURN_NONCE_LEN = 16,       // characters, no NUL
    TURN_NONCE_VALID_S = 3600, // RFC 8656 section 5
};

// The secret is the same for all that serve one address, and used for nothing else; drawn anew at each start will do,
// clients then get a 438 once.
void turn_nonce_make(struct slice secret, const struct net_address *client, int64_t now_s, char ret[TURN_NONCE_LEN]);

// Whether it was made for this client in the last TURN_NONCE_VALID_S seconds. In constant time.
MUST_USE bool turn_nonce_valid(struct slice secret, const struct net_address *client, int64_t now_s,
                               struct slice nonce);
