// SPDX-License-Identifier: MIT
// The OpenPGP packet walk (RFC 9580 4.2): is this stream of octets an encrypted message? Zero or more session key
// packets (PKESK, SKESK), then one SEIPD packet that ends exactly where the data ends. Lengths only; nothing is
// decrypted or kept.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// Zero is the start of a message.
struct packet_walk {
    int state;
    unsigned type;        // of the packet at hand
    bool partial;         // another length follows this chunk
    bool has_body;        // the packet at hand has had at least one octet of body
    bool until_end;       // old format, indeterminate length
    unsigned length_left; // length octets still due
    uint32_t length;      // what they give so far
    uint32_t body_left;   // octets of the chunk still due
};

// Pieces of any size. False as soon as the data cannot become an encrypted message; it stays false.
bool packet_feed(struct packet_walk *p, struct slice octets);
// After the last octet.
bool packet_finish(const struct packet_walk *p);
