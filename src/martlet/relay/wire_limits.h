// SPDX-License-Identifier: MIT
// How many connections each service takes, in all and from one client address.
#pragma once

struct config;
struct conn_limits;

// Each submission port has limits of its own, port 443 included; IMAP has one for all of its ports. What comes to port
// 443 counts in FRONT until its handshake is done, for only then it is known what it is.
enum wire_limit {
    WIRE_LIMIT_IMAP,
    WIRE_LIMIT_SMTPS,
    WIRE_LIMIT_SUBMISSION,
    WIRE_LIMIT_SMTP_443,
    WIRE_LIMIT_RELAY,   // port 25
    WIRE_LIMIT_MXDELIV, // messages of other relays by HTTPS; their connections count in HTTPS
    WIRE_LIMIT_FRONT,
    WIRE_LIMIT_HTTPS,
    WIRE_LIMIT_HTTP,
    WIRE_LIMIT_METRICS,
    WIRE_LIMIT_CONTROL,
    WIRE_N_LIMITS,
};

// Their names for people and metrics.
extern const char *const wire_limit_names[WIRE_N_LIMITS];

struct wire_limits {
    struct conn_limits *of[WIRE_N_LIMITS];
};

void wire_limits_init(struct wire_limits *l, const struct config *c);
void wire_limits_set(struct wire_limits *l, const struct config *c);
// After the last connection. A zeroed struct is accepted.
void wire_limits_done(struct wire_limits *l);
