// SPDX-License-Identifier: MIT
// For the tests of the web: the real pages, accounts and HTTP server, reached over connections in memory.
#pragma once

#include "account/test_world.h"
#include "base/buf.h"
#include "http/http.h"
#include "http/web/web.h"

struct test_site {
    struct test_world world;
    struct web *web;
    struct web_place place;
    struct http_server https, http;
};

// A public relay on the usual ports, unless place says otherwise. The domain is a.org unless a setting does.
void test_site_start(struct test_site *t, const char *const *settings, const struct web_place *place);
void test_site_stop(struct test_site *t);

struct test_reply {
    int status;
    struct slice head, body; // valid until the next request
};
// One request over TLS: "GET /path", then fields, each with its CRLF. `host` NULL: no Host field, and HTTP/1.0.
struct test_reply test_ask(struct test_site *t, const char *host, const char *method_and_target, const char *fields);
// The same on port 80.
struct test_reply test_ask_plain(struct test_site *t, const char *host, const char *method_and_target,
                                 const char *fields);
// The value of a field of the head; "" when it is absent.
const char *test_field(const struct test_reply *r, const char *name);
// Fails the test when the status is another / when the field has another value.
void test_status(const struct test_reply *r, int want);
void test_field_is(const struct test_reply *r, const char *name, const char *want);
bool test_body_has(const struct test_reply *r, const char *text);
