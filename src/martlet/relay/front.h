// SPDX-License-Identifier: MIT
// Port 443, where the client says by ALPN (RFC 7301) what it speaks: "imap", "smtp", and HTTP if it says neither. So
// that clients get through networks that let nothing but the web pass.
#pragma once

#include "net/conn.h"

struct conn_limits;
struct http_server;
struct imap_server;
struct smtp_server;

// All outlive every connection. A connection counts in the limits of the listener until its handshake is done, and from
// then on in those of its protocol: none of the three can take the places of another.
struct front {
    struct imap_server *imap;
    struct smtp_server *smtp;
    struct http_server *http;
    struct conn_limits *imap_limits, *smtp_limits, *http_limits;
};

// Of the TLS context of such a listener: what it selects, in order of preference, and what of that needs TLS 1.3.
extern const char *const front_alpn[], *const front_alpn_tls13[];

// For struct service: `arg` is a struct front; its ops are http_session_ops until ALPN says otherwise.
void *front_open(void *arg, struct conn *c);
