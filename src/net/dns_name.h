// SPDX-License-Identifier: MIT
// Domain names on the wire (RFC 1035 3.1, 4.1.4) and in text. Pure functions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/dns_record.h"

enum { DNS_WIRE_NAME_MAX = 255 };

// A name as labels with their lengths, not compressed, ending with the root's zero.
struct dns_wire_name {
    size_t len; // 1 to 255
    uint8_t octets[DNS_WIRE_NAME_MAX];
};

// Reads the name at *pos of a packet, following compression pointers, which may only lead backwards, and moves *pos
// behind it. False, with *pos unchanged, when it is malformed or reaches beyond the packet.
MUST_USE bool dns_wire_name_read(struct slice packet, size_t *pos, struct dns_wire_name *ret);
// The same without compression.
MUST_USE bool dns_wire_name_read_plain(struct slice rdata, size_t *pos, struct dns_wire_name *ret);
bool dns_wire_name_eq(const struct dns_wire_name *a, const struct dns_wire_name *b);
// False when the text does not fit, which only names with many escaped octets come to.
MUST_USE bool dns_wire_name_to_text(const struct dns_wire_name *name, struct dns_name *ret);
// Of a name that dns_name_is_plain() accepts.
void dns_wire_name_from_plain(struct slice text, struct dns_wire_name *ret);
