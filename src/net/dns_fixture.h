// SPDX-License-Identifier: MIT
// For tests: a name server on loopback, by UDP and TCP, with a thread of its own. The first label of the name that is
// asked for says how it behaves:
//     good       one record: A 192.0.2.1, MX 10 mx.good., TXT "text", with a time to live of 300
//     alias      CNAME good.test.
//     loop       CNAME of itself
//     nx, nodata no such name; nothing of this type: to be remembered for 300 s
//     servfail, refused
//     silent     no answer
//     slow       the answer of "good" after 300 ms
//     forged     first an answer with a wrong id that says 198.51.100.1, then the right one
//     other      answers another question
//     garbage    the id and then nonsense
//     lie        the right record, and besides one of another name
//     big        by UDP truncated; by TCP 40 character-strings of 250 octets
//     stall      by UDP truncated; by TCP silent
//     cut        by UDP truncated; by TCP a length and half a message, then the end
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dns_fixture;

struct dns_fixture *dns_fixture_start(void);
void dns_fixture_stop(struct dns_fixture *f);
uint16_t dns_fixture_port(const struct dns_fixture *f);
// How many queries came whose first label is this.
size_t dns_fixture_count(struct dns_fixture *f, const char *label);
