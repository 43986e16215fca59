// SPDX-License-Identifier: MIT
// The server side of SMTP, in two roles: submission by our accounts (RFC 6409; ports 465, 587 and 443 with ALPN smtp),
// and relay, where other mail servers bring mail for us (RFC 5321; port 25).
#pragma once

#include "net/conn.h"

struct account_service;
struct config_holder;
struct intake;
struct tls_context;

enum smtp_role {
    SMTP_ROLE_SUBMISSION, // TLS and AUTH come first
    SMTP_ROLE_RELAY,      // STARTTLS comes first; there is no AUTH, and recipients are ours alone
};

struct smtp_server {
    enum smtp_role role;
    struct config_holder *config;
    struct account_service *accounts; // for submission
    struct intake *intake;
    struct tls_context *tls; // for STARTTLS
};

// For struct service: `arg` is a struct smtp_server, which outlives every session.
extern const struct conn_ops smtp_session_ops;
void *smtp_session_open(void *arg, struct conn *c);
