// SPDX-License-Identifier: MIT
// The syntax of configuration values: switches, sizes, numbers, domains. Pure functions: text in, value out; on false
// the output stays untouched. Blanks around a value were trimmed before.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

// true/false, yes/no, on/off, 1/0 in any case.
MUST_USE bool config_bool_parse(struct slice s, bool *ret);

// A whole number with an optional unit K, M, G or T (powers of 1024, any case) and an optional B: "500M", "2 GB",
// "100k". A number without a unit counts `bare_unit` octets each; a lone B means octets. False also when it does not
// fit 64 bits.
MUST_USE bool config_size_parse(struct slice s, uint64_t bare_unit, uint64_t *ret);

// A decimal number without sign or exponent: "5", "0.75".
MUST_USE bool config_number_parse(struct slice s, double *ret);

// 253 octets of a domain name (RFC 1035 2.3.4, in text) and the NUL; the longest address literal is shorter.
enum { CONFIG_DOMAIN_SIZE = 254 };

// A mail domain: a host name (RFC 1123 2.1; its first label may begin with "_") in any case, or an IPv4 address with or
// without brackets. Writes it lower-cased, an address in brackets (RFC 5321 4.1.3).
MUST_USE bool config_domain_parse(struct slice s, char ret[CONFIG_DOMAIN_SIZE]);

// A DKIM selector (RFC 6376 3.1): labels of letters, digits, "-" and "_" joined by dots, in any case; 63 octets in all
// are enough. Writes it lower-cased. It begins with a letter or digit, so it is safe as part of a file name.
enum { CONFIG_SELECTOR_SIZE = 64 };
MUST_USE bool config_selector_parse(struct slice s, char ret[CONFIG_SELECTOR_SIZE]);

// A port, 1 to 65535.
MUST_USE bool config_port_parse(struct slice s, uint16_t *ret);

// Takes the next item off a list whose items are separated by blanks, commas or both; an empty slice at the end.
struct slice config_list_next(struct slice *rest);

// The resolvers of dns_forward: IPv4 and IPv6 addresses, each with "@port" behind it unless that is 53, separated by
// blanks, commas or both: "192.0.2.1, 2001:db8::1@5353".
enum { CONFIG_FORWARDERS_MAX = 8 };
struct config_forwarder {
    char address[46]; // INET6_ADDRSTRLEN, as it was written
    uint16_t port;
};
// Takes the next one off *rest. False when there is none, or when *rest begins with something else; *rest then stays at
// its beginning.
MUST_USE bool config_forwarder_next(struct slice *rest, struct config_forwarder *ret);
