// SPDX-License-Identifier: MIT
// The signer of one message (RFC 6376 section 5): relaxed/simple, SHA-256, one DKIM-Signature field for each key, no
// l=. Three steps, because an RSA signature takes too long for a loop: prepare (cheap, hashes the header), run (on a
// worker), write.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "dkim/body_hash.h"
#include "dkim/keyring.h"

enum {
    DKIM_SIGNERS_MAX = 2,
    // All DKIM-Signature fields of one signing together never exceed this.
    DKIM_SIGNED_PREFIX_MAX = 16 * 1024,
};

struct dkim_signer {
    struct dkim_private_key *key;
    struct slice selector;
};

struct dkim_signing;

// The body hash that dkim_signing_new() wants: simple, the whole body. dkim_body_hash_update() takes the octets as they
// will be sent, before dot-stuffing.
struct dkim_body_hash *dkim_signing_body_hash(void);

// Makes the fields and what is to be signed. `header` is the complete header as it will be sent, with or without its
// closing blank line, CRLF line ends, its first line a field (a line that begins with a blank would become part of the
// prefix); nothing is kept of it. Signed are the fields of RFC 6376 5.4.1, Autocrypt and
// Content-Type; all but Content-Type are oversigned, so that none can be added. `domain` is d= (and the domain of the
// From address), at most 253 octets; 1 to DKIM_SIGNERS_MAX signers, whose keys are referenced until the signing is
// freed. `now_s` becomes t=.
struct dkim_signing *dkim_signing_new(const struct dkim_signer *signers, size_t n_signers, struct slice domain,
                                      int64_t now_s, struct slice header, const uint8_t body_hash[DKIM_HASH_LEN]);
// NULL is accepted.
void dkim_signing_free(struct dkim_signing *s);

// Computes the signatures. On any thread, which owns the signing meanwhile; once. 1 ms for RSA 2048.
void dkim_signing_run(struct dkim_signing *s);

// After the run: appends the fields, folded at 78 columns, each ended by CRLF, to be sent before the header. False when
// `out` is full.
MUST_USE bool dkim_signing_write(const struct dkim_signing *s, struct buf *out);
