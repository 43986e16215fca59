// SPDX-License-Identifier: MIT
// For tests: a resolver that answers from text, in place of net/dns.c. Answers come in a later turn, as from the real
// one.
//
//   sign b.example                      the zone is signed: it and all below is secure
//   b.example MX 10 mx.b.example
//   mx.b.example A 192.0.2.1            also AAAA
//   alias.b.example CNAME mx.b.example  followed, and loops found, as the resolver does
//   x.example TXT all to the end of the line
//   _25._tcp.mx.b.example TLSA 3 1 1 00ff...
//   x.example MX !failed                also !bogus, !nodata, !garbage (malformed rdata), !never (no answer)
//
// A name with no line, and none below it, does not exist.
#pragma once

#include "net/dns.h"

enum { FAKE_DNS_LINES_MAX = 256 };

struct dns_resolver {
    const char *lines[FAKE_DNS_LINES_MAX];
    size_t n_lines;
    char *text;
    size_t n_asked, n_open;
    char asked[8192]; // "MX b.example;"
};

void fake_dns_init(struct dns_resolver *r, const char *text);
// Checks that no question is open.
void fake_dns_done(struct dns_resolver *r);
