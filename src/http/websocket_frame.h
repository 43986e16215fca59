// SPDX-License-Identifier: MIT
// Websocket framing as a server does it (RFC 6455 section 5): frames of a client are read, frames to it are written.
// No extensions. Pure: no I/O, no clock.
//
// A message that arrives as one frame is shown where it stands, still masked; who takes octets out of it unmasks them
// on the way (websocket_copy()), so that forwarding copies once. Only a fragmented message is put together in memory of
// the reader's, which is given back when the message has been looked at.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

enum {
    WEBSOCKET_CLIENT_HEADER_MAX = 14, // before the payload of a client's frame, with the mask
    WEBSOCKET_HEADER_MAX = 10,        // before that of a server's
    WEBSOCKET_CONTROL_MAX = 125,      // payload of a ping, pong or close
};

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

// Section 7.4.1.
enum websocket_status {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_UNSUPPORTED = 1003,
    WEBSOCKET_NO_STATUS = 1005, // never on the wire: a close frame without a status
    WEBSOCKET_BAD_TEXT = 1007,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_BIG = 1009,
};

// Octets that may be masked. They borrow from the input, or from the reader.
struct websocket_payload {
    struct slice data;
    uint8_t mask[4]; // of the octet at data.ptr and the following; zero: as they are
};

// Octets that nobody masked.
struct websocket_payload websocket_plain(struct slice data);
// The octets [from, to); both are clamped to the length.
struct websocket_payload websocket_sub(const struct websocket_payload *p, size_t from, size_t to);
// Unmasks the octets [from, from + len), which must be there, into ret; ret may be where they stand.
void websocket_copy(const struct websocket_payload *p, size_t from, size_t len, void *ret);

struct websocket_reader {
    struct buf parts;     // the fragments so far, unmasked; its maximum is that of a message
    uint8_t opcode;       // of the message that is under way; WEBSOCKET_CONTINUATION: none
    bool message_is_over; // `parts` was shown
};

enum websocket_event {
    WEBSOCKET_EVENT_MORE, // show what was not consumed again when more has arrived
    WEBSOCKET_EVENT_TEXT, // a message; its text has not been checked to be UTF-8
    WEBSOCKET_EVENT_BINARY,
    WEBSOCKET_EVENT_PING, // to be answered with a pong of the same payload
    WEBSOCKET_EVENT_PONG,
    WEBSOCKET_EVENT_CLOSE, // to be answered with a close, then nothing more is read
    WEBSOCKET_EVENT_BAD,   // the connection fails: a close with this status, then nothing more is read
};

// A message may have `max` octets in all its fragments. The caller can keep a whole frame of that size and its header.
void websocket_reader_init(struct websocket_reader *r, size_t max);
void websocket_reader_done(struct websocket_reader *r);
// Reads on. *ret_consumed octets (also of fragments, and also with MORE) are done with when *ret has been looked at;
// *ret is set for messages, pings and pongs and is valid until the next call. *ret_status: with CLOSE what the client
// gave (WEBSOCKET_NO_STATUS without one), with BAD what it is to be told.
MUST_USE enum websocket_event websocket_next(struct websocket_reader *r, struct slice in, size_t *ret_consumed,
                                             struct websocket_payload *ret, uint16_t *ret_status);

// The header of a frame with `len` octets of payload, which follow unmasked. Returns its length.
size_t websocket_write_header(enum websocket_opcode opcode, size_t len, uint8_t ret[static WEBSOCKET_HEADER_MAX]);
enum { WEBSOCKET_CLOSE_LEN = 4, WEBSOCKET_PONG_MAX = 2 + WEBSOCKET_CONTROL_MAX };
// A whole close frame. WEBSOCKET_NO_STATUS: without one. Returns its length.
size_t websocket_write_close(uint16_t status, uint8_t ret[static WEBSOCKET_CLOSE_LEN]);
// The whole answer to a ping. Returns its length.
size_t websocket_write_pong(const struct websocket_payload *ping, uint8_t ret[static WEBSOCKET_PONG_MAX]);
