// SPDX-License-Identifier: MIT
// An HTTP client on the caller's loop (libcurl's multi-socket interface; it has no thread of its own): HTTP/1.1 and 2
// over TLS, connections kept for reuse. All runs on the loop's thread.
//
// It never asks a resolver: the caller brings the addresses. It knows no proxy, cookie, netrc or cached redirect, and
// follows no redirect; a 3xx is an answer like any other. Until the first call, and from a while after the last one, it
// holds nothing but this struct.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/tls_client.h"

struct http_client;
struct http_call;

struct http_client_settings {
    struct tls_client_context *tls; // roots and sessions; must outlive the client
    uint32_t max_idle;              // connections kept while unused; 0: 64
    uint32_t idle_ms;               // for how long; 0: 60 s
    // A connection is given up when nothing of what was sent on it is acknowledged for so long (RFC 5482), and not only
    // when TCP itself does, after a quarter of an hour; 0: then.
    uint32_t lost_ms;
};

enum http_version { HTTP_VERSION_1_1, HTTP_VERSION_2 }; // 2: offered by ALPN, 1.1 when the server does not want it

enum http_outcome {
    HTTP_ANSWERED,         // any status
    HTTP_FAILED_CONNECT,   // no address could be reached
    HTTP_FAILED_TLS,       // no handshake, or the certificate does not prove the host
    HTTP_FAILED_TIMEOUT,   // of connecting or in total
    HTTP_FAILED_PROTOCOL,  // the connection ended early, or what came was no HTTP
    HTTP_FAILED_TOO_LARGE, // the answer's body or header is larger than the caller wants
    HTTP_FAILED_BODY,      // on_body said so, or could not go back to its start
    HTTP_FAILED_REQUEST,   // our own mistake: not an acceptable URL, header field or address list
};

enum http_body {
    HTTP_BODY_MORE,   // octets were given
    HTTP_BODY_WAIT,   // none yet: http_call_resume() when there are some
    HTTP_BODY_FAILED, // there will be none: gives up
};

struct http_answer {
    enum http_outcome outcome;
    unsigned status;           // of HTTP_ANSWERED, and of HTTP_FAILED_TOO_LARGE when it came; else 0
    struct slice body;         // of HTTP_ANSWERED; at most max_answer octets
    struct slice content_type; // as sent, or empty
    uint32_t retry_after_s;    // 0: not said
    bool reused;               // no new connection was made
    // HTTP_FAILED_...: static words for the log, without address, name or content.
    const char *why;
};

struct http_call_settings {
    const char *method;         // "GET", "POST", ...; a token
    const char *url;            // "https://host[:port]/path"
    const char *const *headers; // "Name: value", NULL-terminated; NULL: none. Host and Content-Length are ours.
    // Where to connect. At least one; the ports do not matter, the URL's counts. At most HTTP_CLIENT_ADDRESSES_MAX are
    // tried.
    const struct net_address *addresses;
    size_t n_addresses;
    enum tls_check check; // TLS_CHECK_ANY or TLS_CHECK_PKIX for the URL's host
    enum http_version version;
    bool allow_clear; // http:// URLs too
    // Ask before a body is sent (Expect: 100-continue, RFC 9110 section 10.1.1), waiting at most a second: worth a
    // round trip when the body is large and may be refused.
    bool expect_continue;
    uint32_t timeout_ms;         // for everything; 0: 60 s
    uint32_t connect_timeout_ms; // until the handshake is done; 0: 30 s
    size_t max_answer;           // octets of the answer's body
    // The request's body: its length, known beforehand, and where it comes from. 0: there is none.
    uint64_t body_len;
    // Copies the next 1..max octets to `ptr` and says how many. Not called any more after body_len octets. Must not
    // start or free anything of this client; may cancel.
    enum http_body (*on_body)(void *arg, char *ptr, size_t max, size_t *ret_len);
    // Back to the start of the body: a kept connection turned out to be closed, and the request is sent again on a new
    // one. False: cannot. NULL: never can.
    bool (*on_rewind)(void *arg);
    // Last call, exactly once, never within http_call_start(); not after http_call_cancel(). The answer's slices live
    // until it returns. May start further calls.
    void (*on_done)(void *arg, const struct http_answer *answer);
    void *arg;
};

enum { HTTP_CLIENT_ADDRESSES_MAX = 16, HTTP_CLIENT_HEADER_MAX = 64 * 1024 };

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *s);
// Closes all connections; on the loop's thread or when it no longer runs, before the loop is freed, not within a
// callback of a call. Calls that are left are cancelled.
void http_client_free(struct http_client *client);

// Copies everything of `s`.
struct http_call *http_call_start(struct http_client *client, const struct http_call_settings *s);
// After HTTP_BODY_WAIT: on_body will be called again, in a later turn. Harmless when it does not wait.
void http_call_resume(struct http_call *call);
// Gives up; no callback comes any more, and the call must not be used again. Also within on_body and on_rewind, not
// within on_done. NULL is accepted.
void http_call_cancel(struct http_call *call);
