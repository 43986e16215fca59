// SPDX-License-Identifier: MIT
// The notification that tells a sender of ours who did not get a letter, and why (RFC 3464). Pure.
#pragma once

#include "base/buf.h"
#include "base/panic.h"
#include "queue/letter.h"

enum {
    QUEUE_BOUNCE_HEADER_MAX = 32 * 1024, // of the letter, what is read for it
    QUEUE_BOUNCE_ID_SIZE = 32,
    // A hundred recipients twice, with their replies three times, and the header.
    QUEUE_BOUNCE_MAX = 1024 * 1024,
};

// Somebody is there who wants to be told: a sender of ours. Never the null reverse-path (RFC 5321 section 4.5.5).
bool queue_bounce_is_due(const struct letter *l);

// What makes the notification the same when it is made again: the row, and the recipients that failed. Its Message-ID
// comes from it.
void queue_bounce_identity(const struct letter *l, uint8_t ret[QUEUE_BOUNCE_ID_SIZE]);

// The whole message, with every recipient whose fate is LETTER_NEVER. `start` is the beginning of the letter's body.
// False when `out` is full.
MUST_USE bool queue_bounce_write(const struct letter *l, struct slice domain, struct slice start, int64_t now_s,
                                 struct buf *out);
