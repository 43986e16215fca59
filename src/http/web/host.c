// SPDX-License-Identifier: MIT
#include "http/web/host.h"

#include <string.h>

#include "http/http.h"
#include "http/web/answer.h"
#include "http/web/site.h"

enum { HOST_NAME_MAX_LEN = 512, LOCATION_MAX = 3 * HTTP_TARGET_MAX + HOST_NAME_MAX_LEN };

enum host_kind host_kind(const struct site *s, struct slice host) {
    static const struct {
        struct slice prefix;
        enum host_kind kind;
    } names[] = {
        {{"", 0}, HOST_OF_DOMAIN},
        {{"www.", 4}, HOST_WWW},
        {{"mta-sts.", 8}, HOST_MTA_STS},
        {{"autoconfig.", 11}, HOST_AUTOCONFIG},
    };
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--; // the root of the DNS
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_starts_with(host, names[i].prefix) &&
            slice_eq(slice_sub(host, names[i].prefix.len, host.len), slice_from_cstr(s->host)))
            return names[i].kind;
    return HOST_FOREIGN;
}

// RFC 3986 section 3.3 and 3.4: what needs no encoding; in a query also "?", and "%", as it came encoded.
static bool is_plain(char c, bool in_query) {
    if (ascii_is_alnum(c))
        return true;
    return c != '\0' && strchr(in_query ? "-._~!$&'()*+,;=:@/?%" : "-._~!$&'()*+,;=:@/", c) != NULL;
}

static bool append_encoded(struct buf *ret, struct slice s, bool in_query) {
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++)
        ok = is_plain(s.ptr[i], in_query) ? buf_append(ret, &s.ptr[i], 1)
                                          : buf_printf(ret, "%%%02X", (unsigned char)s.ptr[i]);
    return ok;
}

bool host_write_target(struct slice path, struct slice query, struct buf *ret) {
    return append_encoded(ret, path, false) &&
           (query.len == 0 || (buf_append_cstr(ret, "?") && append_encoded(ret, query, true)));
}

void host_redirect(const struct site *s, struct http_exchange *x, struct slice host, bool hide_site) {
    const struct http_request *r = http_exchange_request(x);
    struct buf location;
    buf_init(&location, LOCATION_MAX);
    // The target is limited, so there is room for it with every octet encoded.
    ASSERT(site_write_url(s, host, &location) && host_write_target(r->path, r->query, &location));
    answer_redirect(x, hide_site ? NULL : s, buf_slice(&location));
    buf_done(&location);
}

void host_redirect_home(const struct site *s, struct http_exchange *x) {
    struct buf location;
    buf_init(&location, LOCATION_MAX);
    ASSERT(site_write_url(s, slice_from_cstr(s->host), &location) && buf_append_cstr(&location, "/"));
    answer_redirect(x, s, buf_slice(&location));
    buf_done(&location);
}
