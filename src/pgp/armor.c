// SPDX-License-Identifier: MIT
// The armor decoder. Groups of four base64 characters are decoded in runs through a table into a block on the stack,
// and the block goes to the packet walk; only line ends, padding and the lines around the data are taken octet by
// octet.
#include "pgp/armor.h"

#include <string.h>

#include "base/base64.h"

static const char begin_line[] = "-----BEGIN PGP MESSAGE-----\r\n";
static const char end_line[] = "-----END PGP MESSAGE-----";
static const char version_name[] = "Version: ";

enum {
    STATE_BEGIN,        // zero: within the begin line
    STATE_VERSION_NAME, // the line behind it, while it looks like a version line
    STATE_VERSION,      // the rest of the version line
    STATE_DATA,         // base64 and line breaks
    STATE_PADDING,      // one "=" seen, one more due
    STATE_PADDED,       // the padding is complete
    STATE_CHECKSUM,     // within the line "=XXXX"
    STATE_END,          // within the end line
    STATE_TRAILER,      // behind it: line breaks only
    STATE_BAD,
};

enum {
    BLOCK_SIZE = 3 * 1024,
    VERSION_MAX = 200, // octets of a version line; real ones have about 30
    CHECKSUM_LEN = 4,
    NOT_BASE64 = 0x80,
};

// 0..63, or NOT_BASE64.
#define X NOT_BASE64
static const uint8_t sextets[256] = {
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  62, X,  X,  X,  63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
    X,  X,  X,  X,  X,  X,  X,  0, 1, 2, 3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, X,  X,  X,  X, X, X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
    45, 46, 47, 48, 49, 50, 51, X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X, X, X, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X};
#undef X

// Decodes whole groups from the front of `in` up to the first octet that is not base64. Returns the octets of `in`
// used.
static size_t decode_groups(const uint8_t *in, size_t len, uint8_t *out, size_t size, size_t *ret_len) {
    size_t i = 0, n = 0;
    for (; i + 4 <= len && n + 3 <= size; i += 4, n += 3) {
        uint32_t a = sextets[in[i]], b = sextets[in[i + 1]], c = sextets[in[i + 2]], d = sextets[in[i + 3]];
        if (((a | b | c | d) & NOT_BASE64) != 0)
            break;
        out[n] = (uint8_t)(a << 2 | b >> 4);
        out[n + 1] = (uint8_t)(b << 4 | c >> 2);
        out[n + 2] = (uint8_t)(c << 6 | d);
    }
    *ret_len = n;
    return i;
}

static bool feed_packets(struct armor_decoder *a, const uint8_t *ptr, size_t len) {
    return packet_feed(&a->packets, slice_make((const char *)ptr, len));
}

// One base64 character of a group that a line end or a piece has divided.
static bool take_sextet(struct armor_decoder *a, uint32_t value) {
    a->bits = a->bits << 6 | value;
    a->line_start = false;
    if (++a->held < 4)
        return true;
    a->held = 0;
    uint8_t out[3] = {(uint8_t)(a->bits >> 16), (uint8_t)(a->bits >> 8), (uint8_t)a->bits};
    return feed_packets(a, out, sizeof(out));
}

static bool end_group(struct armor_decoder *a) {
    // The bits that padding leaves over must be zero (RFC 4648 3.5).
    unsigned spare = a->held == 2 ? 4 : 2;
    if (a->held < 2 || (a->bits & ((1U << spare) - 1)) != 0)
        return false;
    uint32_t bits = a->bits >> spare;
    uint8_t out[2] = {(uint8_t)(bits >> 8), (uint8_t)bits};
    return a->held == 2 ? feed_packets(a, out + 1, 1) : feed_packets(a, out, 2);
}

// Line breaks are CRLF. Returns true when the octet is part of one or breaks one (then *ret_state is set).
static bool take_line_break(struct armor_decoder *a, char c, int *ret_state) {
    if (!a->cr && c != '\r' && c != '\n')
        return false;
    if (a->cr != (c == '\n')) {
        *ret_state = STATE_BAD;
    } else if (a->cr) {
        a->line_start = true;
        a->cr = false;
    } else {
        a->cr = true;
    }
    return true;
}

static int begin_text(struct armor_decoder *a, int state) {
    a->matched = 1;
    return state;
}

// Matches the next octet of a fixed text.
static int match(struct armor_decoder *a, char c, const char *text, int state, int next) {
    if (c != text[a->matched])
        return STATE_BAD;
    return text[++a->matched] == '\0' ? next : state;
}

static int take_data(struct armor_decoder *a, char c) {
    int state = a->state;
    if (take_line_break(a, c, &state))
        return state;
    uint32_t value = sextets[(uint8_t)c];
    if (value != NOT_BASE64)
        return state == STATE_DATA && !a->has_checksum && take_sextet(a, value) ? state : STATE_BAD;
    bool complete = state == STATE_PADDED || (state == STATE_DATA && a->held == 0);
    if (complete && a->line_start && c == '-')
        return begin_text(a, STATE_END);
    if (c != '=')
        return STATE_BAD;
    // "=" is padding where a group is not complete, else it must begin the checksum line.
    if (state == STATE_PADDING) {
        a->line_start = false; // the end line must begin one of its own
        return STATE_PADDED;
    }
    if (!complete) {
        if (!end_group(a))
            return STATE_BAD;
        a->line_start = false;
        return a->held == 2 ? STATE_PADDING : STATE_PADDED;
    }
    return a->line_start && !a->has_checksum ? begin_text(a, STATE_CHECKSUM) : STATE_BAD;
}

static int take_checksum(struct armor_decoder *a, char c) {
    if (a->matched <= CHECKSUM_LEN) {
        a->matched++;
        return sextets[(uint8_t)c] != NOT_BASE64 ? STATE_CHECKSUM : STATE_BAD;
    }
    if (c != '\r')
        return STATE_BAD;
    a->cr = true;
    a->has_checksum = true;
    return STATE_PADDED; // the data is over, padded or not
}

// The first line behind the begin line: base64 data, unless it is "Version: ".
static int take_version_name(struct armor_decoder *a, char c) {
    if (c == version_name[a->matched]) {
        a->matched++;
        if (version_name[a->matched] != '\0')
            return STATE_VERSION_NAME;
        a->matched = 0;
        return a->skip_version ? STATE_VERSION : STATE_BAD;
    }
    // The letters so far were data.
    for (unsigned i = 0; i < a->matched; i++) {
        uint32_t value = sextets[(uint8_t)version_name[i]];
        if (value == NOT_BASE64 || !take_sextet(a, value))
            return STATE_BAD;
    }
    a->state = STATE_DATA;
    return take_data(a, c);
}

static int take_version(struct armor_decoder *a, char c) {
    int state = STATE_VERSION;
    if (take_line_break(a, c, &state))
        return a->line_start ? STATE_DATA : state;
    return ++a->matched <= VERSION_MAX && c >= ' ' && c <= '~' ? STATE_VERSION : STATE_BAD;
}

static int take_octet(struct armor_decoder *a, char c) {
    int state = a->state;
    switch (state) {
    case STATE_BEGIN:
        state = match(a, c, begin_line, state, STATE_VERSION_NAME);
        if (state == STATE_VERSION_NAME)
            a->matched = 0;
        return state;
    case STATE_VERSION_NAME:
        a->line_start = a->matched == 0;
        return take_version_name(a, c);
    case STATE_VERSION:
        a->line_start = false;
        return take_version(a, c);
    case STATE_CHECKSUM:
        return take_checksum(a, c);
    case STATE_END:
        return match(a, c, end_line, state, STATE_TRAILER);
    case STATE_TRAILER:
        return take_line_break(a, c, &state) ? state : STATE_BAD;
    default:
        return take_data(a, c);
    }
}

bool armor_feed(struct armor_decoder *a, struct slice octets) {
    uint8_t block[BLOCK_SIZE];
    size_t i = 0;
    while (i < octets.len && a->state != STATE_BAD) {
        if (a->state == STATE_DATA && a->held == 0 && !a->cr) {
            // The fast path: as many lines of whole groups as fit into the block.
            size_t filled = 0, used;
            do {
                size_t n;
                used = decode_groups((const uint8_t *)octets.ptr + i, octets.len - i, block + filled,
                                     sizeof(block) - filled, &n);
                i += used;
                filled += n;
                if (used > 0)
                    a->line_start = false;
                if (octets.len - i >= 2 && octets.ptr[i] == '\r' && octets.ptr[i + 1] == '\n') {
                    a->line_start = true;
                    i += 2;
                    used += 2;
                }
            } while (used > 0 && sizeof(block) - filled >= 3);
            if (filled > 0 && !feed_packets(a, block, filled))
                a->state = STATE_BAD;
            if (i == octets.len || a->state == STATE_BAD || sizeof(block) - filled < 3)
                continue;
        }
        a->state = take_octet(a, octets.ptr[i++]);
    }
    return a->state != STATE_BAD;
}

bool armor_finish(const struct armor_decoder *a) {
    return a->state == STATE_TRAILER && !a->cr && packet_finish(&a->packets);
}
