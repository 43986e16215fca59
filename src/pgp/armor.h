// SPDX-License-Identifier: MIT
// OpenPGP ASCII armor (RFC 9580 6) of one encrypted message, decoded while it streams in and handed to the packet walk.
// Strict: CRLF lines, canonical base64, nothing before "-----BEGIN PGP MESSAGE-----", nothing but line breaks after the
// end line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "pgp/packet.h"

// Zero is the start of a message; set skip_version first.
struct armor_decoder {
    bool skip_version; // a "Version: ..." line may follow the begin line (it is refused otherwise, like every other
                       // armor header)
    int state;
    unsigned matched;  // octets of the text at hand that have been seen
    bool line_start;   // the next octet begins a line
    bool cr;           // CR has been seen, LF is due
    bool has_checksum; // a line "=XXXX" has been seen; its value is not verified (RFC 9580 6.1 makes it optional)
    unsigned held;     // base64 characters of a group of four that is not complete
    uint32_t bits;     // their value
    struct packet_walk packets;
};

// Pieces of any size. False as soon as the data cannot become an armored encrypted message; it stays false.
bool armor_feed(struct armor_decoder *a, struct slice octets);
// After the last octet.
bool armor_finish(const struct armor_decoder *a);
