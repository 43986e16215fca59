// SPDX-License-Identifier: MIT
// A table of routes: exact paths, or everything below a prefix. HEAD goes with GET. A path without a route is 404, a
// method that the path does not have 405 with Allow (RFC 9110 section 15.5.6), OPTIONS included.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

enum { HTTP_ALLOW_GET = 1, HTTP_ALLOW_POST = 2 };

struct http_route {
    const char *path; // "/new"; "/.well-known/acme-challenge/*" for everything below
    unsigned allow;
    void (*run)(void *arg, struct http_exchange *x);
};

// Runs the route of the request's path. False when no route has this path: nothing was answered.
MUST_USE bool http_route_run(const struct http_route *routes, size_t n, void *arg, struct http_exchange *x);
