// SPDX-License-Identifier: MIT
// The one spelling of a mail domain, so that two spellings are one destination and can be compared octet by octet.
// Pure.
#pragma once

#include "base/slice.h"

enum { DOMAIN_SIZE = 256 }; // of the text with its NUL (RFC 5321 4.5.3.1.2)

enum domain_kind {
    DOMAIN_NAME,    // of the public DNS: lower case, A-labels (RFC 5890), "_" allowed
    DOMAIN_LITERAL, // "[192.0.2.1]" or "[ipv6:2001:db8::1]" (RFC 5321 4.1.3), the address in its shortest form
    DOMAIN_NOWHERE, // neither: nothing can be delivered there. The text in lower case
};

// `domain` is one that address_parse() accepts. U-labels become A-labels (RFC 5891, as RFC 6531 3.2 wants for servers
// without SMTPUTF8).
enum domain_kind domain_canonical(struct slice domain, char ret[DOMAIN_SIZE]);
