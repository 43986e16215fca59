// SPDX-License-Identifier: MIT
// Delivery status notifications (RFC 3464), written as a whole message with CRLF lines.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

struct dsn_recipient {
    struct slice address;
    struct slice status; // "5.1.1"
    struct slice reply;  // the SMTP reply that says why: "550 5.1.1 <u> User doesn't exist: u"
};
struct dsn {
    struct slice domain;          // our mail domain; the sender is MAILER-DAEMON@domain
    struct slice to;              // whom it goes to
    struct slice message_id;      // without angle brackets
    struct slice original_header; // of the message that could not be delivered; cut to 32 KiB
    int64_t date;                 // unix seconds
    const struct dsn_recipient *recipients;
    size_t n_recipients;
};
// From MAILER-DAEMON, Auto-Submitted: auto-replied, "Undelivered Mail Returned to Sender", multipart/report with text,
// status and header (RFC 3462). False when `out` is full.
MUST_USE bool dsn_write(const struct dsn *d, struct buf *out);
