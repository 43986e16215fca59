// SPDX-License-Identifier: MIT
#include "martlet/web/announce.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "config/config.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

// RFC 6761 section 6: names of these domains should not be asked for in the public DNS.
bool announce_is_in_dns(const struct config *c, bool is_dev) {
    static const struct slice special[] = {{".test", 5}, {".invalid", 8}, {".example", 8}, {".localhost", 10}};
    if (c->dns_forward[0] != '\0' || c->dns_root_hints[0] != '\0')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (slice_ends_with_ci(slice_from_cstr(c->mail_domain), special[i]))
            return false;
    return !is_dev;
}

// The host of a URL that leads here; an address literal loses its brackets (RFC 3986 3.2.2).
static struct slice host_of(const struct config *c, const struct announce_place *p) {
    struct slice domain = slice_from_cstr(c->mail_domain);
    if (p->is_dev)
        return SLICE("127.0.0.1");
    return config_domain_is_literal(c) ? slice_sub(domain, 1, domain.len - 1) : domain;
}

static void announce_own(const struct config *c, const struct announce_place *p, struct announce_iroh *ret) {
    // A stand-in from before the first certificate of a CA is no reason to tell clients, who keep the answer, of http.
    bool is_public = p->has_public_certificate || config_certificate_source(c) == CERTIFICATE_FROM_ACME;
    bool is_https = is_public && !p->is_dev;
    uint16_t port = is_https ? p->https_port : p->http_port;
    char suffix[8] = "";
    if (port != (is_https ? HTTPS_PORT : HTTP_PORT))
        (void)snprintf(suffix, sizeof(suffix), ":%u", port);
    (void)snprintf(ret->url, sizeof(ret->url), "%s://%.*s%s", is_https ? "https" : "http", SLICE_FMT(host_of(c, p)),
                   suffix);
    ret->on_https = true;
    ret->on_http = !is_https;
}

static bool is_our_host(const struct config *c, const struct announce_place *p, const char *host) {
    struct slice domain = slice_from_cstr(c->mail_domain);
    if (config_domain_is_literal(c))
        domain = slice_sub(domain, 1, domain.len - 1);
    struct slice asked = slice_from_cstr(host);
    return slice_eq_ci(asked, domain) ||
           (p->is_dev && (slice_eq(asked, SLICE("127.0.0.1")) || slice_eq(asked, SLICE("localhost")) ||
                          slice_eq(asked, SLICE("[::1]"))));
}

void announce_iroh(const struct config *c, const struct announce_place *p, struct announce_iroh *ret) {
    *ret = (struct announce_iroh){.url = ""};
    if (!c->iroh_relay_set) {
        announce_own(c, p, ret);
        return;
    }
    struct config_url url;
    if (!config_url_parse(slice_from_cstr(c->iroh_relay), &url))
        return; // empty: config_parse() lets nothing else through
    (void)snprintf(ret->url, sizeof(ret->url), "%s", c->iroh_relay);
    ret->on_https = is_our_host(c, p, url.host);
    ret->on_http = ret->on_https && !url.is_https;
}
