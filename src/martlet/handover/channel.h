// SPDX-License-Identifier: MIT
// The control channel between the parent and the relay: length-prefixed messages over a socket pair. A frame is four
// octets of payload length (big endian), one octet of type, then the payload. Either side treats a broken frame like
// the end.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

enum channel_type {
    CHANNEL_START = 1, // parent: the first bundle (bundle.h)
    CHANNEL_RELOAD,    // parent: a new bundle for the running relay
    CHANNEL_READY,     // relay: every listener accepts; empty
    CHANNEL_RELOADED,  // relay: the new bundle is in force; empty
    CHANNEL_FAILED,    // relay: START or RELOAD was refused; the payload is a sentence
    CHANNEL_ALIVE,     // relay: all of it makes progress (relay/pulse.h); connections, four octets (big endian)
    CHANNEL_TYPE_LAST = CHANNEL_ALIVE,
};

enum { CHANNEL_HEADER_LEN = 5, CHANNEL_PAYLOAD_MAX = 4 * 1024 * 1024 };

enum channel_status {
    CHANNEL_MESSAGE, // one whole message
    CHANNEL_MORE,    // not yet
    CHANNEL_END,     // the other side has gone
    CHANNEL_BAD,     // not our protocol
};

struct channel_message {
    enum channel_type type;
    struct slice payload;
};

// Reads one frame off the front of `octets`. With CHANNEL_MESSAGE the payload looks into `octets` and *ret_used is the
// length of the frame.
MUST_USE enum channel_status channel_parse(struct slice octets, struct channel_message *ret, size_t *ret_used);

struct channel {
    int fd;
    struct buf in;
    size_t taken; // octets at the front of `in` that the last message occupies
};

// Owns fd from now on.
void channel_init(struct channel *c, int fd);
// Closes, wipes what was received. A channel that is already done is accepted.
void channel_done(struct channel *c);

// What CHANNEL_FAILED says, for the log or a terminal: one line, whoever has taken the relay over; cut at the maximum.
enum { CHANNEL_SENTENCE_MAX = 512 };
void channel_sentence(struct slice payload, char ret[CHANNEL_SENTENCE_MAX]);

// Sends one message, blocking up to the socket's send timeout. False when the other side is gone or does not read.
MUST_USE bool channel_send(struct channel *c, enum channel_type type, struct slice payload);
// Takes the next message, reading at most once from the socket and never waiting. The payload is valid until the next
// call.
MUST_USE enum channel_status channel_receive(struct channel *c, struct channel_message *ret);
