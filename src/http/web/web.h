// SPDX-License-Identifier: MIT
// The web side of the relay: the pages, the offer of an account, autoconfig, the MTA-STS policy, QR images on port 443;
// ACME challenges and redirects on port 80. Knows hosts and routes; pages/ knows what the pages say.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "http/http.h"
#include "http/pages/pages.h"

struct account_service;
struct config;
struct config_holder;
struct web;

// Where this relay can be reached, as far as the configuration does not say it.
struct web_place {
    const char *dev_host;                        // "127.0.0.1" in development, where no name leads here; else NULL
    uint16_t https_port, imaps_port, smtps_port; // 443, 993, 465 but in development
    bool has_public_certificate;                 // HSTS, MTA-STS
};

struct web_settings {
    struct config_holder *config;
    struct account_service *accounts;
    struct web_place place;
    struct pages_parts parts; // what the pages may speak of
};

// Renders the pages: reads files of www_folder, so not on a loop. Problems with them are logged, one line each.
struct web *web_new(const struct web_settings *s);
// After a reload of the configuration or a new certificate.
void web_reload(struct web *w, const struct web_place *place, const struct pages_parts *parts);
// After the last connection.
void web_free(struct web *w);

// The on_request of a struct http_server; `arg` is the struct web. Routes of other rooms are asked first.
void web_on_https_request(void *arg, struct http_exchange *x);
void web_on_http_request(void *arg, struct http_exchange *x);

// Other rooms hang their routes in here (a path and who answers), for port 443; before the first request. At most 16.
struct http_route;
void web_add_route(struct web *w, const struct http_route *route, void *arg);
// For port 80, where it is there while `is_open` says so (asked at each request, in any thread). They count among
// the 16.
void web_add_http_route(struct web *w, const struct http_route *route, bool (*is_open)(void *arg), void *arg);

// An ACME http-01 challenge (RFC 8555 section 8.3): answered at /.well-known/acme-challenge/TOKEN for an hour at most,
// or until it is cleared. Any thread. False when the token is not one (base64url, at most 128 octets), the
// authorization is longer than 256, or 64 are there already.
MUST_USE bool web_challenge_set(struct web *w, struct slice token, struct slice authorization);
void web_challenge_clear(struct web *w, struct slice token);
