// SPDX-License-Identifier: MIT
// Parsers for the rdata of single records, as struct dns_answer holds it. Pure functions; false when it is malformed.
// RFC 1035 3.3 and 3.4, RFC 3596 2.2, RFC 6698 2.1, RFC 7505.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/dns.h"

// A domain name in text: lower case, no dot at its end; "" is the root. Octets other than letters, digits, "-" and "_"
// are written \DDD; a host of that name is none of the public DNS (see dns_name_is_plain()).
struct dns_name {
    char text[DNS_NAME_SIZE];
};

// A name that can be asked for: labels of 1 to 63 letters, digits, "-", "_", in all 253 octets at most; the last one
// not only digits (that is an IP address), and not "localhost" (RFC 6761 6.3). One dot at the end is passed over.
MUST_USE bool dns_name_is_plain(struct slice name);

struct dns_mx {
    uint16_t preference;
    struct dns_name host; // "" when the record says that there is no mail service (RFC 7505)
};
MUST_USE bool dns_mx_parse(struct slice rdata, struct dns_mx *ret);
// All records of an answer, lowest preference first, then by name, each host once; records that are malformed or name a
// host that dns_name_is_plain() refuses are left out. Returns how many, at most `max` (the best ones).
// *ret_is_null: a null MX stands there, and no other record that could be used.
size_t dns_mx_parse_all(const struct dns_answer *a, struct dns_mx *ret, size_t max, bool *ret_is_null);

// The character-strings joined without a blank between (RFC 6376 3.6.2.2, RFC 8461 3.1). *ret_len may be up to `size`.
// False also when they need more than `size`. No NUL is added.
MUST_USE bool dns_txt_parse(struct slice rdata, char *buf, size_t size, size_t *ret_len);

struct dns_tlsa {
    uint8_t usage, selector, matching; // RFC 7218 names the numbers
    struct slice data;                 // borrows from the rdata; not empty
};
MUST_USE bool dns_tlsa_parse(struct slice rdata, struct dns_tlsa *ret);

// `type` is DNS_TYPE_A or DNS_TYPE_AAAA. An IPv4 address is written as IPv4-mapped IPv6; an AAAA record that holds such
// a one is refused.
MUST_USE bool dns_address_parse(struct slice rdata, uint16_t type, uint16_t port, struct net_address *ret);

// The name in a CNAME, NS or PTR record.
MUST_USE bool dns_name_parse(struct slice rdata, struct dns_name *ret);
