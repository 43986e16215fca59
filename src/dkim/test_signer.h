// SPDX-License-Identifier: MIT
// For tests: a signer that signs with any tags, which the real one (sign.h) would never write.
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "dkim/keyring.h"
#include "dkim/verify.h"

// The length of the header of a message, with its blank line; all of it when there is none.
size_t test_header_len(struct slice message);

// Appends a DKIM-Signature field for `message` to `out`. `text` is the field's value as it will stand there, without
// bh= and b=, which are computed (c= and l= are obeyed) and put at its end; folding in it is kept.
void test_sign(struct dkim_private_key *key, struct slice text, struct slice message, struct buf *out);

// Answers a question with one record, or with none (NULL).
void test_answer(struct dkim_verifier *v, const char *name, const char *record);

// RFC 6376 A.2 and RFC 8463 A: key records by query name, and the message with its signatures.
extern const char test_rfc6376_header[], test_rfc6376_body[];
extern const char test_rfc8463_header[], test_rfc8463_body[];
// The record's text, or NULL.
const char *test_rfc_record(const char *name);
// The keys of RFC 8463 A.1.
extern const char test_rfc8463_rsa_pem[];
extern const char test_rfc8463_ed25519_pem[];
