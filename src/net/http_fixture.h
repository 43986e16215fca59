// SPDX-License-Identifier: MIT
// For tests of the HTTP client: a server over TLS, a thread for each connection, that does what the path says:
//   /ok /count /status/NNN     a proper answer; /count says how long the body was and the sum of its octets
//   /head                      the request's head as the answer's body
//   /once                      a proper answer, and closes without having announced it
//   /refuse /refuse-close      413 before the body is read; which is then read away, or not
//   /close /half /half-head /garbage   no answer; half of one; half of its header; no HTTP
//   /large /fields             an endless body; an endless header
//   /slow                      an answer after a second
//   /renew                     a proper answer after a thousand new keys
//   /redirect                  302 to /ok
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "net/address.h"
#include "net/cert_fixture.h"

enum { FAR_HTTP_CONNECTIONS = 256 };

struct far_http {
    const struct cert *cert;
    bool clear; // no TLS
    struct net_address address;
    int fd;
    atomic_int connections, open, resumed;
    pthread_t thread, servers[FAR_HTTP_CONNECTIONS];
    struct ssl_ctx_st *ctx;
};

void far_http_start(struct far_http *f);
// After the client has closed its connections.
void far_http_join(struct far_http *f);
