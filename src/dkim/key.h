// SPDX-License-Identifier: MIT
// Public keys from key records (RFC 6376 3.6.1; ed25519: RFC 8463). A key never changes and is counted, so that threads
// can share it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "dkim/signature.h"

enum {
    DKIM_RECORD_LEN_MAX = 4096, // RSA 4096 needs some 800
    DKIM_RSA_BITS_MIN = 1024,   // RFC 8301
    DKIM_RSA_BITS_MAX = 4096,
};

struct dkim_key;

enum dkim_key_status {
    DKIM_KEY_OK,
    DKIM_KEY_REVOKED, // p= is empty
    DKIM_KEY_BAD,     // no key record, not for mail, not for SHA-256, or the key itself is of no use
};

// Parses the text of one TXT record, its strings joined. Space, tab, CR, LF and '"' are dropped wherever they stand,
// because zone files come with all of them; v=, k=, h=, s= may be absent. RSA keys come as SubjectPublicKeyInfo or as
// RSAPublicKey, with an exponent below 2^32, as it bounds the work of a verification. t=y (testing) changes nothing: a
// valid signature proves as much with it as without. With OK *ret_key is one reference, otherwise *ret_reason is a
// static text; the other output stays untouched.
MUST_USE enum dkim_key_status dkim_key_parse(struct slice text, struct dkim_key **ret_key, const char **ret_reason);

struct dkim_key *dkim_key_ref(struct dkim_key *key);
// NULL is accepted.
void dkim_key_unref(struct dkim_key *key);

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *key);
// 256 for ed25519.
unsigned dkim_key_bits(const struct dkim_key *key);
// t=s: i= must be of the very domain d=, not of one below it.
bool dkim_key_is_strict(const struct dkim_key *key);

// Whether `signature` is this key's over the SHA-256 `hash`. Thread-safe; some 30 us for RSA 2048.
MUST_USE bool dkim_key_verify(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_LEN], const uint8_t *signature,
                              size_t signature_len);
