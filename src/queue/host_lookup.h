// SPDX-License-Identifier: MIT
// One host of a destination: its addresses, and whether it has published in a signed zone how it proves itself (DANE,
// RFC 7672). A proof that ought to be there and cannot be had makes the host unusable for now; it never makes the host
// prove less.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"
#include "net/dns_record.h"
#include "queue/address_lookup.h"
#include "queue/transport.h"

enum host_state {
    HOST_USABLE,
    HOST_HAS_NO_ADDRESS, // the DNS says so
    HOST_OUT_OF_REACH,   // no address of it is one for us
    HOST_UNKNOWN,        // the DNS could not be asked
    HOST_UNPROVEN,       // its TLSA records could not be had
};

struct host_lookup {
    char name[DNS_NAME_SIZE];
    uint16_t preference;
    // Results, once done() was called.
    enum host_state state;
    bool has_dane;                // it proves itself by the records below
    char tls_name[DNS_NAME_SIZE]; // the TLSA base domain (RFC 7672 section 2.2.2), with has_dane
    struct tls_tlsa *tlsa;        // each with memory of its own
    size_t n_tlsa;
    uint32_t ttl;

    // Its own.
    struct address_lookup addresses;
    struct dns_query query;
    struct dns_resolver *dns;
    struct loop *loop;
    bool wants_dane;
    void (*done)(void *arg, struct host_lookup *h);
    void *arg;
};

// `name` and `preference` are set, all else is zero. `wants_dane`: the way to the host's name is secure, so that its
// TLSA records count. done() in a later turn, exactly once unless cancelled.
void host_lookup_start(struct host_lookup *h, struct dns_resolver *dns, struct loop *loop, bool use_ipv6,
                       bool wants_dane, void (*done)(void *arg, struct host_lookup *h), void *arg);
void host_lookup_cancel(struct host_lookup *h);
// Frees the records; cancels what is under way. A zeroed one is accepted.
void host_lookup_done(struct host_lookup *h);
