// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_limits.h"

#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "config/config.h"
#include "net/listener.h"

enum {
    CONTROL_MAX = 16,
    METRICS_MAX = 8,      // one or two monitoring systems, and a look by hand
    SHARE_OF_ADDRESS = 5, // one client address may have this part of a service's connections,
    // and this many in any case: many people can be behind one address, and IMAP connections stay.
    IMAP_SHARE_MIN = 100,
    HTTP_SHARE_MIN = 50,
    // No more than this in any case: a handshake is short, and who does not finish it keeps others out.
    FRONT_SHARE_MAX = 50,
};

const char *const wire_limit_names[WIRE_N_LIMITS] = {
    [WIRE_LIMIT_IMAP] = "imap",
    [WIRE_LIMIT_SMTPS] = "smtps",
    [WIRE_LIMIT_SUBMISSION] = "submission",
    [WIRE_LIMIT_SMTP_443] = "smtp-443",
    [WIRE_LIMIT_RELAY] = "smtp",
    [WIRE_LIMIT_MXDELIV] = "mxdeliv",
    [WIRE_LIMIT_FRONT] = "handshakes-443",
    [WIRE_LIMIT_HTTPS] = "https",
    [WIRE_LIMIT_HTTP] = "http",
    [WIRE_LIMIT_METRICS] = "metrics",
    [WIRE_LIMIT_CONTROL] = "control",
};

static struct metric_gauge connections =
    METRIC_GAUGE_BY("martlet_connections", "Connections open now, by service", "service", wire_limit_names);
static struct metric_gauge connection_limits = METRIC_GAUGE_BY(
    "martlet_connection_limits", "Connections allowed at a time, by service", "service", wire_limit_names);

static struct metric_gauge accepted = METRIC_TOTAL_BY(
    "martlet_accepted_connections", "Connections that were let in so far, by service", "service", wire_limit_names);
static struct metric_gauge closed =
    METRIC_TOTAL_BY("martlet_closed_connections", "Connections that were let in and are closed, by service", "service",
                    wire_limit_names);

static int64_t read_closed(void *arg, size_t value) {
    return (int64_t)conn_limits_left(((struct wire_limits *)arg)->of[value]);
}

static int64_t read_accepted(void *arg, size_t value) {
    return (int64_t)conn_limits_entered(((struct wire_limits *)arg)->of[value]);
}

static int64_t read_open(void *arg, size_t value) {
    uint32_t open_now, limit;
    conn_limits_read(((struct wire_limits *)arg)->of[value], &open_now, &limit);
    return open_now;
}

static int64_t read_limit(void *arg, size_t value) {
    uint32_t open_now, limit;
    conn_limits_read(((struct wire_limits *)arg)->of[value], &open_now, &limit);
    return limit;
}

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
    case WIRE_LIMIT_METRICS:
        return METRICS_MAX;
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
    case WIRE_LIMIT_METRICS:
        return METRICS_MAX; // all of them come from one address
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
    metric_gauge_open(&connections, read_open, l);
    metric_gauge_open(&connection_limits, read_limit, l);
    metric_gauge_open(&accepted, read_accepted, l);
    metric_gauge_open(&closed, read_closed, l);
}

void wire_limits_set(struct wire_limits *l, const struct config *c) {
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        uint32_t total = total_of(c, (enum wire_limit)i);
        conn_limits_set(l->of[i], total, share_of(total, (enum wire_limit)i));
    }
}

void wire_limits_done(struct wire_limits *l) {
    metric_gauge_close(&connections, l);
    metric_gauge_close(&connection_limits, l);
    metric_gauge_close(&accepted, l);
    metric_gauge_close(&closed, l);
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        conn_limits_free(l->of[i]);
        l->of[i] = NULL;
    }
}
