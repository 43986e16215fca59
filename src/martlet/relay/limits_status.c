// SPDX-License-Identifier: MIT
#include "martlet/relay/limits_status.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include "admin/status.h"
#include "base/metrics.h"
#include "config/config.h"
#include "martlet/relay/wire_limits.h"
#include "net/conn.h"
#include "net/listener.h"

static void add_connections(json_t *list, const struct wire_limits *limits, json_t *attention) {
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        uint32_t used, limit;
        char what[64];
        conn_limits_read(limits->of[i], &used, &limit);
        (void)snprintf(what, sizeof(what), "connections of %s", wire_limit_names[i]);
        control_limit(list, what, used, limit, attention);
    }
}

json_t *limits_status_describe(const struct wire_limits *limits, const struct config *c, json_t *attention) {
    json_t *list = json_array();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        control_limit(list, "file descriptors (LimitNOFILE), connections alone", conn_count(), files.rlim_cur,
                      attention);
    add_connections(list, limits, attention);
    if (c->turn)
        control_limit(list, "TURN allocations", (uint64_t)metrics_read_sum("martlet_turn_allocations"),
                      c->max_turn_allocations, attention);
    control_limit(list, "connections of iroh", (uint64_t)metrics_read_sum("martlet_iroh_connections"),
                  c->max_iroh_connections, attention);
    return list;
}
