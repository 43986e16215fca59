// SPDX-License-Identifier: MIT
#include "martlet/wire_limits.h"

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "net/listener.h"

enum {
    CONTROL_MAX = 16,
    SHARE_OF_ADDRESS = 5, // one client address may have this part of a service's connections,
    // and this many in any case: many people can be behind one address, and IMAP connections stay.
    IMAP_SHARE_MIN = 100,
    HTTP_SHARE_MIN = 50,
    // No more than this in any case: a handshake is short, and who does not finish it keeps others out.
    FRONT_SHARE_MAX = 50,
};

static uint32_t total_of(const struct config *c, enum wire_limit limit) {
    switch (limit) {
    case WIRE_LIMIT_IMAP:
        return c->max_imap_connections;
    case WIRE_LIMIT_SMTPS:
    case WIRE_LIMIT_SUBMISSION:
    case WIRE_LIMIT_SMTP_443:
        return c->max_smtp_connections;
    case WIRE_LIMIT_RELAY:
    case WIRE_LIMIT_MXDELIV:
        return c->max_relay_sessions;
    case WIRE_LIMIT_FRONT:
    case WIRE_LIMIT_HTTPS:
    case WIRE_LIMIT_HTTP:
        return c->max_http_connections;
    case WIRE_LIMIT_CONTROL:
        return CONTROL_MAX;
    case WIRE_N_LIMITS:
        break;
    }
    UNREACHABLE();
}

static uint32_t least_share_of(enum wire_limit limit) {
    switch (limit) {
    case WIRE_LIMIT_IMAP:
        return IMAP_SHARE_MIN;
    case WIRE_LIMIT_HTTPS:
    case WIRE_LIMIT_HTTP:
        return HTTP_SHARE_MIN;
    default:
        return 1;
    }
}

static uint32_t share_of(uint32_t total, enum wire_limit limit) {
    if (limit == WIRE_LIMIT_FRONT)
        return total < FRONT_SHARE_MAX ? total : FRONT_SHARE_MAX;
    uint32_t share = total / SHARE_OF_ADDRESS, least = least_share_of(limit);
    if (share < least)
        share = total < least ? total : least;
    return share > 0 ? share : 1;
}

void wire_limits_init(struct wire_limits *l, const struct config *c) {
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        uint32_t total = total_of(c, (enum wire_limit)i);
        l->of[i] = conn_limits_new(total, share_of(total, (enum wire_limit)i));
    }
}

void wire_limits_set(struct wire_limits *l, const struct config *c) {
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        uint32_t total = total_of(c, (enum wire_limit)i);
        conn_limits_set(l->of[i], total, share_of(total, (enum wire_limit)i));
    }
}

void wire_limits_done(struct wire_limits *l) {
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        conn_limits_free(l->of[i]);
        l->of[i] = NULL;
    }
}
