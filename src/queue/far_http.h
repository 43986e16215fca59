// SPDX-License-Identifier: MIT
// For tests: an HTTPS server on loopback, on the loop of the test, that reads whole requests and answers what it was
// told, however odd.
#pragma once

#include "base/buf.h"
#include "net/cert_fixture.h"
#include "net/listener.h"

enum { FAR_HTTP_SEEN_MAX = 8 * 1024 * 1024, FAR_HTTP_SCRIPT_MAX = 16 };

// What happens with one request.
struct far_http_step {
    const char *answer; // raw octets; NULL: none
    bool at_head;       // as soon as the head is there; else when all of the body is
    bool then_close;
};

struct far_http {
    struct loop *loop;
    struct listener *listener;
    struct tls_context *tls;
    int fd;
    uint16_t port;
    // The request number i gets script[i], all further ones the last.
    const struct far_http_step *script;
    size_t n_script;
    size_t n_connections, n_requests, n_open;
    struct buf seen; // every octet that came, of all connections
    struct conn *latest;
};

// `ipv6`: on ::1. False: this machine has no such address.
bool far_http_start(struct far_http *f, struct loop *loop, const struct cert *cert, bool ipv6);
// From now on, counters and octets beginning anew.
void far_http_script(struct far_http *f, const struct far_http_step *script, size_t n);
// The connections that are left are aborted.
void far_http_stop(struct far_http *f);
// Of the request number i that was seen: its head with the empty line, its body.
struct slice far_http_head(const struct far_http *f, size_t i);
struct slice far_http_body(const struct far_http *f, size_t i);
