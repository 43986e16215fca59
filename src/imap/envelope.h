// SPDX-License-Identifier: MIT
// ENVELOPE (RFC 3501 7.4.2) of a message header.
#pragma once

#include "base/slice.h"

struct conn;

// Writes "ENVELOPE (...)". `data` begins with the header of the message.
void imap_write_envelope(struct conn *c, struct slice data);
