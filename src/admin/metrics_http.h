// SPDX-License-Identifier: MIT
// What the relay counts, by HTTP: GET /metrics, for a monitoring system that comes and reads. There is nothing else
// here, and no way in to change anything; who may come is a matter of the address that it listens on.
#pragma once

#include "http/http.h"

struct store;

// Outlives every connection.
struct metrics_http {
    struct store *store;
    struct http_server server; // of the listener; set by metrics_http_init()
};
void metrics_http_init(struct metrics_http *m, struct store *store);
