// SPDX-License-Identifier: MIT
// The OpenPGP packet walk (RFC 9580 4.2.1, 4.2.2). A length never reaches beyond 32 bits and is only ever counted down
// by what is there, so no arithmetic here can overflow. The walk owns nothing.
#include "pgp/packet.h"

enum {
    STATE_TAG,          // zero: a packet begins
    STATE_FIRST_LENGTH, // new format: the octet that tells the form of the length
    STATE_TWO_OCTET,    // new format: the second of two
    STATE_LENGTH,       // big-endian octets, length_left of them
    STATE_BODY,
    STATE_COMPLETE, // behind the SEIPD packet: nothing may follow
    STATE_BAD,
};

enum { TYPE_PKESK = 1, TYPE_SKESK = 3, TYPE_SEIPD = 18 };

static int begin_body(struct packet_walk *p, uint32_t length) {
    p->body_left = length;
    return STATE_BODY;
}

static int take_tag(struct packet_walk *p, uint8_t octet) {
    p->has_body = false;
    p->partial = false;
    p->until_end = false;
    p->length = 0;
    if ((octet & 0xC0) == 0xC0) {
        p->type = octet & 0x3F;
        if (p->type != TYPE_PKESK && p->type != TYPE_SKESK && p->type != TYPE_SEIPD)
            return STATE_BAD;
        return STATE_FIRST_LENGTH;
    }
    // Old format: four bits of type, which cannot name SEIPD.
    p->type = octet >> 2 & 0x0F;
    if ((octet & 0x80) == 0 || (p->type != TYPE_PKESK && p->type != TYPE_SKESK))
        return STATE_BAD;
    if ((octet & 3) == 3) {
        p->until_end = true;
        return STATE_BODY;
    }
    p->length_left = 1U << (octet & 3);
    return STATE_LENGTH;
}

static int take_first_length(struct packet_walk *p, uint8_t octet) {
    p->partial = false;
    if (octet < 192)
        return begin_body(p, octet);
    if (octet < 224) {
        p->length = (octet - 192U) << 8;
        return STATE_TWO_OCTET;
    }
    if (octet < 255) {
        p->partial = true;
        return begin_body(p, 1U << (octet & 31));
    }
    p->length = 0;
    p->length_left = 4;
    return STATE_LENGTH;
}

static int take_length(struct packet_walk *p, uint8_t octet) {
    p->length = p->length << 8 | octet;
    return --p->length_left > 0 ? STATE_LENGTH : begin_body(p, p->length);
}

// A chunk whose length is used up: on to the next chunk, the next packet or the end.
static int end_chunk(const struct packet_walk *p) {
    if (p->partial)
        return STATE_FIRST_LENGTH;
    if (!p->has_body)
        return STATE_BAD;
    return p->type == TYPE_SEIPD ? STATE_COMPLETE : STATE_TAG;
}

// Takes one octet that is not part of a body.
static int take_octet(struct packet_walk *p, uint8_t octet) {
    switch (p->state) {
    case STATE_TAG:
        return take_tag(p, octet);
    case STATE_FIRST_LENGTH:
        return take_first_length(p, octet);
    case STATE_TWO_OCTET:
        return begin_body(p, p->length + octet + 192);
    case STATE_LENGTH:
        return take_length(p, octet);
    default: // something behind the SEIPD packet
        return STATE_BAD;
    }
}

bool packet_feed(struct packet_walk *p, struct slice octets) {
    while (octets.len > 0 && p->state != STATE_BAD) {
        if (p->state != STATE_BODY) {
            p->state = take_octet(p, (uint8_t)octets.ptr[0]);
            octets = slice_sub(octets, 1, octets.len);
        } else if (p->until_end) {
            break; // a session key packet that swallows all: packet_finish() will say no
        } else {
            size_t n = p->body_left < octets.len ? p->body_left : octets.len;
            p->body_left -= (uint32_t)n;
            p->has_body = p->has_body || n > 0;
            octets = slice_sub(octets, n, octets.len);
        }
        if (p->state == STATE_BODY && p->body_left == 0 && !p->until_end)
            p->state = end_chunk(p);
    }
    return p->state != STATE_BAD;
}

bool packet_finish(const struct packet_walk *p) {
    return p->state == STATE_COMPLETE;
}
