// SPDX-License-Identifier: MIT
// One certificate, and what each kind of port makes of it.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct bundle;
struct tls_context;

struct wire_tls {
    struct tls_context *imap, *smtp; // ports of their own, and STARTTLS
    struct tls_context *front;       // port 443
    struct tls_context *relay;       // port 25
};

// ret_error is a static or thread-local sentence. False with a struct that wire_tls_done() accepts.
MUST_USE bool wire_tls_init(struct wire_tls *t, const struct bundle *b, const char **ret_error);
// Either all of them have the new certificate or none; connections keep what they have.
MUST_USE bool wire_tls_replace(struct wire_tls *t, const struct bundle *b, const char **ret_error);
// After the last connection. A zeroed struct is accepted.
void wire_tls_done(struct wire_tls *t);
