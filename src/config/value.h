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
