// SPDX-License-Identifier: MIT
// The IMAP service (RFC 3501 and extensions) on ports 993, 143 and 443 (ALPN imap).
#pragma once

#include "net/conn.h"

struct account_service;
struct buf;
struct config_holder;
struct hub;
struct store;
struct table;
struct tls_context;

// What GETMETADATA answers for the entries that belong to other services; IMAP knows nothing of them. Each appends the
// value to `out`, an empty buffer for IMAP_METADATA_VALUE_MAX octets; nothing appended, or no function (NULL), is NIL.
// There is no failure. Called on any loop, must not block.
struct imap_metadata_ops {
    void (*irohrelay)(void *arg, struct buf *out);   // URL of the iroh relay
    void (*turn)(void *arg, struct buf *out);        // "host:port:expiry:password", made for this client
    void (*appversions)(void *arg, struct buf *out); // one line of JSON
};
enum { IMAP_METADATA_VALUE_MAX = 64 * 1024 };

struct imap_server {
    struct config_holder *config;
    struct account_service *accounts;
    struct store *store;
    struct hub *hub;
    struct table *shares;    // sessions of each account: imap_share_new()
    struct tls_context *tls; // for STARTTLS
    struct imap_metadata_ops metadata;
    void *metadata_arg; // outlives every session
};

// For struct service: `arg` is a struct imap_server, which outlives every session.
extern const struct conn_ops imap_session_ops;
void *imap_session_open(void *arg, struct conn *c);
