// SPDX-License-Identifier: MIT
// The DKIM-Signature field (RFC 6376 3.5; ed25519-sha256: RFC 8463). Pure; slices borrow from the field.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };

enum {
    DKIM_HASH_LEN = 32,             // SHA-256; SHA-1 is refused (RFC 8301)
    DKIM_SIGNATURE_LEN_MAX = 512,   // RSA 4096
    DKIM_HEADER_NAMES_MAX = 256,    // names in one h=
    DKIM_DOMAIN_LEN_MAX = 253,      // of d= or s=
    DKIM_FIELD_LEN_MAX = 16 * 1024, // of one DKIM-Signature field
};

struct dkim_signature {
    enum dkim_algorithm algorithm;
    enum dkim_canon header_canon, body_canon;
    struct slice domain;       // d=: letters, digits, "-", "_" and dots
    struct slice selector;     // s=: the same
    bool has_identity;         // i= was there; otherwise it is "@" d=
    struct slice identity;     // the domain of i=, equal to d= or below it
    struct slice header_names; // h=, for dkim_list_next(); From is among them, none is empty
    bool has_length;
    uint64_t length; // l=, octets of the canonical body
    bool has_time, has_expiry;
    int64_t time, expiry; // t=, x= as Unix time; x= is after t=
    uint8_t body_hash[DKIM_HASH_LEN];
    uint8_t signature[DKIM_SIGNATURE_LEN_MAX];
    size_t signature_len;
    struct slice signature_raw; // the octets of b= as they stand in the field: they count as absent in the hash
};

// Parses what follows the colon of a DKIM-Signature field, without the final CRLF. False with a static reason for
// anything that makes the signature unusable: bad syntax, a missing or repeated tag, another version, algorithm or
// query method, i= outside d=, From not signed, x= not after t=. *ret is undefined then.
MUST_USE bool dkim_signature_parse(struct slice value, struct dkim_signature *ret, const char **ret_reason);
