// SPDX-License-Identifier: MIT
// The IMAP service (RFC 3501 and extensions) on ports 993, 143 and 443 (ALPN imap).
#pragma once

#include "net/conn.h"

struct account_service;
struct config_holder;
struct hub;
struct store;
struct table;
struct tls_context;

struct imap_server {
    struct config_holder *config;
    struct account_service *accounts;
    struct store *store;
    struct hub *hub;
    struct table *shares;    // sessions of each account: imap_share_new()
    struct tls_context *tls; // for STARTTLS
};

// For struct service: `arg` is a struct imap_server, which outlives every session.
extern const struct conn_ops imap_session_ops;
void *imap_session_open(void *arg, struct conn *c);
