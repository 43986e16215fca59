// SPDX-License-Identifier: MIT
// The records that a relay wants in the DNS: the required ones, without which mail or clients fail, and the recommended
// ones. Pure: facts in, records out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/dns.h"

struct dkim_private_key;

enum {
    ZONE_TTL_S = 3600,
    ZONE_KEYS_MAX = 16,
    ZONE_ADDRESSES_MAX = 16,
    ZONE_RECORDS_MAX = ZONE_KEYS_MAX + ZONE_ADDRESSES_MAX + 20,
    // Room for a selector and a domain of any length; a name longer than DNS_NAME_SIZE can be no name of the DNS.
    ZONE_OWNER_SIZE = DNS_NAME_SIZE + 96,
    ZONE_TLSA_HEX_SIZE = 65,
};

enum zone_kind {
    ZONE_ADDRESS, // A or AAAA of the domain
    ZONE_MX,
    ZONE_ALIAS, // a name that leads to the domain: CNAME, or the same addresses
    ZONE_DKIM,
    ZONE_STS,
    ZONE_TLSA,
    ZONE_SPF,
    ZONE_DMARC,
    ZONE_ADSP,
    ZONE_CAA,
    ZONE_SRV,
};

struct zone_record {
    enum zone_kind kind;
    uint16_t type;
    bool is_required;
    bool harms_when_wrong;           // recommended, but a wrong one keeps mail or certificates away
    bool is_placeholder;             // an address of RFC 5737 or RFC 3849 in place of one that is not known
    char owner[ZONE_OWNER_SIZE];     // lower case, no dot at its end
    char *value;                     // TXT: the text; others: the rdata as in a zone file, names with a dot; owned
    struct dkim_private_key *key;    // ZONE_DKIM: a reference
    char sha256[ZONE_TLSA_HEX_SIZE]; // ZONE_TLSA
    struct net_address address;      // ZONE_ADDRESS
    const char *challenge;           // ZONE_CAA: as in struct zone_facts
    const char *purpose;             // a few words, static
};

struct zone_key {
    const char *selector;
    struct dkim_private_key *key;
    bool signs; // its record is required, because mail carries its signatures
};

struct zone_facts {
    const char *domain;          // a name, lower case; an address literal has no zone
    bool has_public_certificate; // that others can verify, now or as soon as the CA has issued it
    const struct net_address *addresses;
    size_t n_addresses; // 0: placeholders
    const struct zone_key *keys;
    size_t n_keys;
    const char *tlsa_sha256; // of the SubjectPublicKeyInfo in service, hexadecimal; "": none yet
    const char *ca;          // the issuer's name for CAA (RFC 8659), "letsencrypt.org"; "": unknown, or no CA
    const char *account;     // our account there (RFC 8657), a URL; "": not known
    const char *challenge;   // that the issuer is answered, "http-01" (RFC 8555 8.3); static
};

struct zone {
    char domain[DNS_NAME_SIZE];
    struct zone_record records[ZONE_RECORDS_MAX]; // the required ones first
    size_t n;
};

// Addresses and keys beyond the maxima are left out.
void zone_init(const struct zone_facts *f, struct zone *ret);
void zone_done(struct zone *z);

// "TXT"; "TYPE65" for one that has no place in a relay's zone.
void zone_type_name(uint16_t type, char ret[12]);
