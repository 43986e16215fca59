// SPDX-License-Identifier: MIT
#include "http/route.h"

#include <string.h>

static bool path_matches(const char *pattern, struct slice path) {
    struct slice p = slice_from_cstr(pattern);
    if (!slice_ends_with(p, SLICE("/*")))
        return slice_eq(p, path);
    p.len--;
    return path.len > p.len && slice_starts_with(path, p);
}

static unsigned method_bit(enum http_method method) {
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
        return HTTP_ALLOW_GET;
    case HTTP_POST:
        return HTTP_ALLOW_POST;
    case HTTP_OTHER_METHOD:
        break;
    }
    return 0;
}

static void refuse_method(struct http_exchange *x, unsigned allowed) {
    static const struct slice NAMES[] = {
        [HTTP_ALLOW_GET] = SLICE("GET, HEAD"),
        [HTTP_ALLOW_POST] = SLICE("POST"),
        [HTTP_ALLOW_GET | HTTP_ALLOW_POST] = SLICE("GET, HEAD, POST"),
    };
    ASSERT(allowed < ARRAY_LEN(NAMES));
    struct http_field allow = {SLICE("Allow"), NAMES[allowed]};
    http_respond(x, &(struct http_response){.status = 405,
                                            .content_type = "text/plain; charset=utf-8",
                                            .body = SLICE("Method Not Allowed\n"),
                                            .fields = &allow,
                                            .n_fields = 1});
}

bool http_route_run(const struct http_route *routes, size_t n, void *arg, struct http_exchange *x) {
    const struct http_request *r = http_exchange_request(x);
    unsigned allowed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!path_matches(routes[i].path, r->path))
            continue;
        if ((routes[i].allow & method_bit(r->method)) != 0) {
            routes[i].run(arg, x);
            return true;
        }
        allowed |= routes[i].allow;
    }
    if (allowed == 0)
        return false;
    refuse_method(x, allowed);
    return true;
}
