// SPDX-License-Identifier: MIT
// For which names a certificate is asked: the domain, and www, mta-sts and autoconfig below it where DNS leads them to
// an address that the domain has too.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "martlet/acme/status.h"

enum { ACME_NAMES_MAX = 4 };

struct acme_names {
    char name[ACME_NAMES_MAX][ACME_IDENTIFIER_SIZE]; // the first is the domain
    size_t n;
};

// Asks the resolver, waiting for it. With `trust_names` a name counts when it resolves to anything: dns-01 proves no
// address. An address literal is the only name of its relay. False with a sentence when the domain does not resolve.
MUST_USE bool acme_names_find(const char *mail_domain, bool trust_names, struct acme_names *ret,
                              char ret_error[ACME_OUTCOME_MAX]);
