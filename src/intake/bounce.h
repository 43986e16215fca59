// SPDX-License-Identifier: MIT
// What a sender is told when an accepted message cannot be delivered to someone: the reason for each recipient, and one
// delivery status notification (RFC 3464) for all of them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "intake/identity.h"
#include "intake/recipients.h"
#include "mail/header.h"

enum bounce_reason {
    BOUNCE_UNKNOWN, // no such mailbox here
    BOUNCE_FULL,    // over its quota
    BOUNCE_NOWHERE, // there can be no such domain
};
void bounce_recipient(struct recipient *r, enum bounce_reason why, struct arena *arena);
size_t bounce_count(const struct recipients *r);

struct bounce {
    struct slice domain;   // ours
    struct slice sender;   // whom it goes to
    struct slice header;   // of the message as it came
    enum header_edit edit; // what of it does not go back
    const struct recipients *recipients;
    const uint8_t
        *identity; // IDENTITY_SIZE octets; the Message-ID comes from it, so the same bounce bears the same one
    int64_t now_s;
};
// The whole message, CRLF lines. False when `out` is full.
MUST_USE bool bounce_write(const struct bounce *b, struct buf *out);
