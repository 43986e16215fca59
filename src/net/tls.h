// SPDX-License-Identifier: MIT
// TLS server contexts (OpenSSL 3). A context is an immutable snapshot; renewing the certificate makes a new one, and
// connections that have the old one keep it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

struct ssl_ctx_st;
struct ssl_st;

struct tls_settings {
    struct slice cert_pem;   // leaf first, then the chain
    struct slice key_pem;    // private key, unencrypted
    bool allow_tls12;        // false: TLS 1.3 only (ports 993, 143, 465, 587)
    bool tickets;            // session tickets: no on client ports (they cost memory and no client uses them)
    const char *const *alpn; // protocols this service selects, in order of preference, NULL-terminated; NULL: none
    // Nothing in common with what a client offers: none is selected. Otherwise that ends the handshake.
    bool alpn_optional;
    // Those of `alpn` that need TLS 1.3, NULL-terminated: selecting one in a TLS 1.2 handshake ends it. NULL: none.
    const char *const *alpn_tls13;
};

// A holder of the current context, shared by all loops: reading takes a reference, replacing swaps it. Thread-safe.
struct tls_context;

// ret_error is a static or thread-local sentence when NULL is returned: which of the two files is wrong and how
// (unreadable PEM, key does not match the certificate). Names and dates are not looked at: a client that remembers the
// key accepts a certificate that has expired, and a refusal would make an outage of it.
MUST_USE struct tls_context *tls_context_new(const struct tls_settings *s, const char **ret_error);
// Builds a new context from the settings and swaps it in; on failure the old one stays and false is returned.
MUST_USE bool tls_context_replace(struct tls_context *ctx, const struct tls_settings *s, const char **ret_error);
void tls_context_free(struct tls_context *ctx);

// A new server-side SSL on the current context, for the connection layer. Buffers are released when idle.
struct ssl_st *tls_context_accept(struct tls_context *ctx);
