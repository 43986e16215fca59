// SPDX-License-Identifier: MIT
// Records as text: a zone file (RFC 1035 5.1), and one record a line, unquoted and unsplit, for the fields of a web
// panel. Pure. False: `out` is full.
#pragma once

#include "base/buf.h"
#include "base/panic.h"
#include "zone/record.h"

enum zone_format {
    ZONE_FORMAT_BIND,
    ZONE_FORMAT_LINES, // name TAB type TAB value; names without a dot at their end
};

enum { ZONE_TEXT_MAX = 128 * 1024 };

// One line.
MUST_USE bool zone_write_record(const struct zone_record *r, enum zone_format format, struct buf *out);
// All of them, with comments that say what each is for and what has to be replaced.
MUST_USE bool zone_write(const struct zone *z, enum zone_format format, struct buf *out);

// What was found, in the words of a zone file: a TXT record joined and in quotes, an unknown type in hexadecimal. What
// is not printable ASCII is escaped as \DDD.
MUST_USE bool zone_show(uint16_t type, struct slice rdata, struct buf *out);
