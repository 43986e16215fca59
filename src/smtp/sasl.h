// SPDX-License-Identifier: MIT
// The message of SASL PLAIN (RFC 4616): [authzid] NUL authcid NUL passwd. Pure.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

struct sasl_plain {
    struct slice authorization; // for whom; may be empty
    struct slice user, password;
};

// Borrowed from `message`. False when the form is wrong: not two NULs, no user, no password.
MUST_USE bool sasl_plain_parse(struct slice message, struct sasl_plain *ret);
