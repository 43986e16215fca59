// SPDX-License-Identifier: MIT
// The addresses of one host: A and AAAA asked side by side, aliases followed by the resolver.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"
#include "net/connector.h"
#include "net/dns.h"

enum { ADDRESS_LOOKUP_MAX = CONNECTOR_ADDRESSES_MAX };

// Embedded in the asker's struct; zeroed before the first use.
struct address_lookup {
    struct address_family_answer {
        struct dns_query query;
        struct address_lookup *lookup;
        enum dns_status status;
        bool secure;
        uint32_t ttl;
        struct net_address addresses[ADDRESS_LOOKUP_MAX];
        size_t n;
    } v4, v6;
    bool asks_v6;
    bool v4_left, v6_left;    // not answered yet
    char name[DNS_NAME_SIZE]; // where the aliases led
    void (*done)(void *arg);
    void *arg;
};

// done() in a later turn, exactly once unless cancelled; it may free the lookup.
void address_lookup_start(struct address_lookup *l, struct dns_resolver *dns, struct loop *loop, struct slice host,
                          bool use_ipv6, void (*done)(void *arg), void *arg);
void address_lookup_cancel(struct address_lookup *l);

// When it is done: the addresses, the families in turn and IPv6 first (RFC 8305 section 4), at most `max`.
size_t address_lookup_list(const struct address_lookup *l, struct net_address *ret, size_t max);
// Nothing is known because the DNS could not be asked: no address, and one of the two look-ups failed.
bool address_lookup_has_failed(const struct address_lookup *l);
// The DNS says that there is no address: both families were asked for, and neither has a record.
bool address_lookup_has_none(const struct address_lookup *l);
// There are addresses, and DNSSEC proves all that was answered (RFC 7672 section 2.1.2).
bool address_lookup_is_secure(const struct address_lookup *l);
uint32_t address_lookup_ttl(const struct address_lookup *l);
