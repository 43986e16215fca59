// SPDX-License-Identifier: MIT
// TLS as a client (OpenSSL 3): TLS 1.2 or newer, three ways to look at the peer's certificate, sessions resumed.
//
// A context holds what connections share: parameters, trusted roots, and a bounded cache of sessions. One is enough for
// a process. Thread-safe. Roots in a folder are read when a chain first needs one, so that at rest the memory holds
// only those that were met.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

struct ssl_st;
struct ssl_ctx_st;
struct tls_client_context;

enum tls_check {
    // Encryption only: any certificate will do.
    TLS_CHECK_ANY,
    // A chain to a trusted root, and `host` among the certificate's subjectAltName (RFC 5280, RFC 9525; RFC 8461
    // section 4.1). The common name does not count.
    TLS_CHECK_PKIX,
    // The TLSA records decide (RFC 7672). DANE-EE(3): the certificate matches, neither names nor dates count (section
    // 3.1.1). DANE-TA(2): a chain to a certificate that matches, valid now, for `host` or `next_hop` (section 3.2.2).
    // Other usages count as unusable (section 3.1.3). When no record is usable: as TLS_CHECK_PKIX. That is stricter
    // than
    // the RFC, which would go on without authentication (section 2.2), but what a host has published in vain must not
    // make it prove less than one that has published nothing.
    TLS_CHECK_DANE,
};

struct tls_client_settings {
    // Trusted roots: a PEM file, read at once; NULL: the folder below.
    const char *ca_file;
    // A folder as c_rehash makes it; NULL: /etc/ssl/certs. What its links point at must be readable too.
    const char *ca_folder;
    size_t max_sessions; // kept for resumption, at most TLS_CLIENT_SESSION_MAX octets each; 0: 256
};

enum {
    TLS_CLIENT_SESSION_MAX = 8 * 1024,
    TLS_CLIENT_SESSION_LIFE_MS = 60 * 60 * 1000, // then the certificate is looked at anew
    TLS_CLIENT_TLSA_MAX = 32,                    // further records are not looked at
    TLS_CLIENT_HANDSHAKE_MS = 60 * 1000,
};

// One TLSA record (RFC 6698 section 2.1); `data` is the certificate association data in octets.
struct tls_tlsa {
    uint8_t usage;
    uint8_t selector;
    uint8_t matching;
    struct slice data;
};

// How to prove one peer. Only read during the call that takes it.
struct tls_client {
    struct tls_client_context *context;
    enum tls_check check;
    // The peer's name as an A-label domain without final dot, sent as SNI, and what the certificate must be for; with
    // DANE the TLSA base domain. An IP address in text form is sent to nobody and compared with the certificate's
    // addresses. Empty, or over 253 octets: no name is sent, and TLS_CHECK_PKIX fails.
    struct slice host;
    struct slice next_hop; // TLS_CHECK_DANE: another name that will do for DANE-TA(2); may be empty
    uint16_t port;         // sessions are resumed at the same host, port, check and records only
    uint32_t handshake_ms; // 0: TLS_CLIENT_HANDSHAKE_MS
    const struct tls_tlsa *tlsa;
    size_t n_tlsa;
};

// NULL when ca_file cannot be read or holds no certificate; ret_error is a static sentence then. A missing ca_folder is
// no error: then no chain ends at a trusted root.
MUST_USE struct tls_client_context *tls_client_context_new(const struct tls_client_settings *s, const char **ret_error);
// Reads the roots anew, and forgets all sessions. On failure all stays as it was. Connections that are open are not
// touched.
MUST_USE bool tls_client_context_replace(struct tls_client_context *ctx, const struct tls_client_settings *s,
                                         const char **ret_error);
// After the last connection and client that uses it.
void tls_client_context_free(struct tls_client_context *ctx);

// For net/: a client-side SSL set up as `how` says, with a session to resume if there is one.
struct ssl_st *tls_client_new_ssl(const struct tls_client *how);
// Whether the peer had to prove itself, and has, by the handshake that is done (or the one that is resumed).
bool tls_client_is_proved(struct ssl_st *ssl);
// What is wrong, after a handshake failed: of the certificate if it was that, else of the protocol. Static text. Takes
// OpenSSL's errors of this thread.
const char *tls_client_error(struct ssl_st *ssl);
// For net/http_client: gives a context that somebody else made our parameters, roots and sessions, and the name that
// TLS_CHECK_PKIX wants. `how` as above, but without TLS_CHECK_DANE; who made it says whether certificates count.
void tls_client_adopt(struct ssl_ctx_st *foreign, const struct tls_client *how);
