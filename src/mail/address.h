// SPDX-License-Identifier: MIT
// Mail addresses (RFC 5321 4.1.2 and 4.1.3, RFC 6531). Pure: slices in, slices out.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

enum { ADDRESS_LOCAL_MAX = 64, ADDRESS_DOMAIN_MAX = 255, ADDRESS_MAX = 320 };

// local-part "@" domain, borrowed from the input; the domain may be a literal in brackets, kept with them.
struct address {
    struct slice whole, local, domain;
};

// Strictly one address without angle brackets: local part a dot-string or quoted string, UTF-8 allowed, no control
// octets, blank or NUL outside quotes; domain of labels (letters, digits, "-", "_", UTF-8) or a literal "[1.2.3.4]" /
// "[IPv6:...]".
MUST_USE bool address_parse(struct slice s, struct address *ret);

// The address in lower case (ASCII only) into `ret` (room for ADDRESS_MAX + 1 octets, NUL-terminated).
// With strip_detail, "user+detail@d" becomes "user@d" (RFC 5233).
void address_normalize(const struct address *a, bool strip_detail, char *ret);

// The first mailbox of a From header value (RFC 5322 3.4): display name, comments, groups and quoted strings are
// understood. Borrowed from the value; false when there is none or it is not an address.
MUST_USE bool address_first_of_header(struct slice value, struct address *ret);
