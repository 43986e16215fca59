// SPDX-License-Identifier: MIT
// The submission service (RFC 6409) on ports 465, 587 and 443 (ALPN smtp).
#pragma once

#include "net/conn.h"

struct account_service;
struct config_holder;
struct intake;
struct tls_context;

struct smtp_server {
    struct config_holder *config;
    struct account_service *accounts;
    struct intake *intake;
    struct tls_context *tls; // for STARTTLS
};

// For struct service: `arg` is a struct smtp_server, which outlives every session.
extern const struct conn_ops smtp_session_ops;
void *smtp_session_open(void *arg, struct conn *c);
