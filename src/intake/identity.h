// SPDX-License-Identifier: MIT
// What makes a transaction the same when a peer sends it again because our reply was lost, and the same for the bounce
// that it caused. The store keeps only a keyed hash of these for a day.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "intake/recipients.h"

enum { IDENTITY_SIZE = 32 };

// SHA-256 over reverse-path, Message-ID ("" when absent) and body digest, each framed by its length.
void identity_of_message(struct slice reverse_path, struct slice message_id, const uint8_t body_sha256[32],
                         uint8_t ret[IDENTITY_SIZE]);
// That of the bounce: the message's, and every failed recipient with its status. The same message sent to others, or
// failing in another way, is another bounce.
void identity_of_bounce(const uint8_t message[IDENTITY_SIZE], const struct recipients *r, uint8_t ret[IDENTITY_SIZE]);
