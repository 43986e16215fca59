// SPDX-License-Identifier: MIT
// The encryption gate: a message streams through it in pieces of any size, and at the end it says what the message is.
// Pure: no I/O, no clock, bounded memory; strict, never searching for substrings.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct gate;

enum gate_direction { GATE_SUBMISSION, GATE_INBOUND };

enum gate_kind {
    // multipart/encrypted (RFC 3156 4) of exactly two leaf parts, with nothing before or behind them: "Version: 1", and
    // an
    // armored OpenPGP message of session key packets and one SEIPD packet. An armor header "Version:" is let in inbound
    // only.
    GATE_ENCRYPTED,
    // The first step of a key exchange, which cannot be encrypted yet: first Secure-Join header "vc-request" or
    // "vg-request",
    // a multipart of one text/plain part that holds "Secure-Join: " and one of the two, and nothing else.
    GATE_SECUREJOIN,
    // multipart/mixed with the Subject "Autocrypt Setup Message"; the caller checks sender and recipient.
    GATE_SETUP_MESSAGE,
    // Inbound only: multipart/report from mailer-daemon at any domain, with a non-empty Auto-Submitted (RFC 3834).
    GATE_MAILER_DAEMON,
    GATE_CLEAR,     // anything else that parses
    GATE_MALFORMED, // MIME not parsable; gate_reason() says why
};

// Limits: header of a message 256 KiB, header of a part 64 KiB, nesting 8 deep, boundary 70 octets, line 64 KiB within
// headers.
struct gate *gate_new(enum gate_direction direction);
void gate_free(struct gate *g);
// Octets of the message as submitted (dot-stuffing undone, CRLF lines; a bare LF makes it GATE_MALFORMED).
void gate_feed(struct gate *g, struct slice octets);
// After the last octet.
enum gate_kind gate_finish(struct gate *g);
// Static text for GATE_MALFORMED, e.g. "header too large".
const char *gate_reason(const struct gate *g);
