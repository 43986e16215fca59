// SPDX-License-Identifier: MIT
// Private keys and what is published of them. No files: PEM goes in and out as memory, the caller reads, writes and
// wipes it. A key never changes and is counted, so that a signature under way on a worker keeps it alive across a
// reload.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "dkim/signature.h"

enum {
    DKIM_NEW_RSA_BITS = 2048,
    DKIM_PEM_MAX = 8 * 1024,
    DKIM_ZONE_STRING_MAX = 255, // RFC 1035 3.3: one character-string
};

struct dkim_private_key;

// A new key: RSA 2048 (takes up to a second) or Ed25519.
struct dkim_private_key *dkim_private_key_generate(enum dkim_algorithm algorithm);
// PKCS #8 or PKCS #1, not encrypted; RSA 1024 to 4096 or Ed25519. One reference, or NULL with a static reason.
MUST_USE struct dkim_private_key *dkim_private_key_from_pem(struct slice pem, const char **ret_reason);
// PKCS #8. False when `out` is full.
MUST_USE bool dkim_private_key_to_pem(const struct dkim_private_key *key, struct buf *out);

struct dkim_private_key *dkim_private_key_ref(struct dkim_private_key *key);
// NULL is accepted.
void dkim_private_key_unref(struct dkim_private_key *key);

enum dkim_algorithm dkim_private_key_algorithm(const struct dkim_private_key *key);

// Signs a SHA-256 hash. Thread-safe.
void dkim_private_key_sign(const struct dkim_private_key *key, const uint8_t hash[DKIM_HASH_LEN],
                           uint8_t ret_signature[DKIM_SIGNATURE_LEN_MAX], size_t *ret_len);

// The text of the TXT record at <selector>._domainkey.<domain>: "v=DKIM1;k=rsa;p=...;s=email;t=s". False when full.
MUST_USE bool dkim_private_key_record(const struct dkim_private_key *key, struct buf *out);
// Whether a TXT record found in DNS publishes this very key, whatever its other tags say, as long as verifiers can use
// it.
MUST_USE bool dkim_private_key_is_published(const struct dkim_private_key *key, struct slice text);
// Octets as they stand between quotes in a zone file (RFC 1035 section 5.1): quotes and backslashes escaped, and what
// is not printable ASCII as \DDD. False when full.
MUST_USE bool dkim_zone_escape(struct slice octets, struct buf *out);
// A TXT record's text there: strings of at most 255 octets in quotes, separated by a space. False when full.
MUST_USE bool dkim_zone_strings(struct slice record, struct buf *out);
