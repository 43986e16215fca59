// SPDX-License-Identifier: MIT
// Reads a DNS message (RFC 1035 4.1) that answers one question: follows the aliases and collects the records. No I/O.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/dns.h"

// One allocation; freed with free(). Also for answers without a packet.
struct dns_answer *dns_answer_new(enum dns_status status, struct slice name);

// `name` is what was asked for, one that dns_name_is_plain() accepts. Always gives an answer: a message that is
// malformed, truncated, about something else or an error (RFC 1035 4.1.1 RCODE) is DNS_FAILED. `secure` is false.
struct dns_answer *dns_packet_read(struct slice packet, struct slice name, uint16_t type);
