// SPDX-License-Identifier: MIT
// One message being signed on a worker. It lives by itself: whoever waits for it may leave at any time.
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "dkim/signature.h"

struct intake;
struct loop;
struct signer_set;
struct signing;

// The DKIM-Signature fields for a message with this header and body hash (dkim_signing_body_hash()), to be sent before
// it. done() on the loop, in a later turn, exactly once unless cancelled; `fields` is valid during the call. The set is
// not empty.
struct signing *signing_start(struct intake *in, struct loop *loop, const struct signer_set *set, struct slice domain,
                              struct slice header, const uint8_t body_hash[DKIM_HASH_LEN],
                              void (*done)(void *arg, struct slice fields), void *arg);
// On the loop, before done(). NULL is accepted.
void signing_cancel(struct signing *s);
