// SPDX-License-Identifier: MIT
// For tests: writes OpenPGP packets, armor and whole encrypted messages as a client would, in every form the formats
// allow. The bodies are filler: nothing here is encrypted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { SAMPLE_PKESK = 1, SAMPLE_SKESK = 3, SAMPLE_LITERAL = 11, SAMPLE_SEIPD = 18 };

enum sample_form {
    SAMPLE_NEW_SHORTEST, // one, two or five octets
    SAMPLE_NEW_FIVE,
    SAMPLE_NEW_PARTIAL, // chunks of 512 octets as long as they fit, then the rest
    SAMPLE_OLD_ONE,
    SAMPLE_OLD_TWO,
    SAMPLE_OLD_FOUR,
    SAMPLE_OLD_UNTIL_END,
};
// Appends one packet.
void sample_packet(struct buf *out, unsigned type, enum sample_form form, size_t body_len);

struct sample_armor {
    const char *headers; // between the begin line and the blank line, with CRLF; or NULL
    bool checksum;
    size_t line_len; // 0: 64
};
// Appends `packets` in armor.
void sample_armor(struct buf *out, struct slice packets, const struct sample_armor *how);

// Appends a whole message: multipart/encrypted with the armor as its second part.
void sample_message(struct buf *out, struct slice armor);
