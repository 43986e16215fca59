// SPDX-License-Identifier: MIT
// A strict HTTP/1.1 server (RFC 9110, RFC 9112) on net connections, in TLS or in clear. It parses and answers; what is
// answered is the business of the handler above.
//
// One exchange is one request with its response; exchanges of a connection run one after another. The handler is called
// when the head is complete. It answers within that call, or later: then the connection is paused, and it sets
// on_cancel to hear that the client has gone. A body is read by asking for it; one that nobody asks for is read away as
// far as that is cheap, and otherwise the connection closes after the response.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/conn.h"

enum {
    HTTP_TARGET_MAX = 8 * 1024, // of the request line; 414
    HTTP_FIELD_MAX = 8 * 1024,  // one field line; 431
    HTTP_HEAD_MAX = 64 * 1024,  // all of the head; 431
    HTTP_FIELDS_MAX = 1100,     // a relay may name a thousand recipients, one field each; 431
    HTTP_BODY_SKIP_MAX = 64 * 1024,
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER_METHOD };

struct http_field {
    struct slice name;  // as sent; compare with slice_eq_ci()
    struct slice value; // without blanks around
};

// Slices borrow from the exchange and are valid until it is answered.
struct http_request {
    enum http_method method;
    struct slice method_name;
    // Lower case, without port and final dot; from an absolute target, else the Host field; never empty in 1.1.
    struct slice host;
    // Percent-decoded, begins with "/". No control character, "." or ".." segment, "//", encoded slash or backslash:
    // all refused. "OPTIONS *" is answered by the server itself.
    struct slice path;
    struct slice query; // as sent, without "?"; empty when there is none
    const struct http_field *fields;
    size_t n_fields;
    bool has_length;
    uint64_t length; // Content-Length; without one (and without chunks) there is no body
    bool is_chunked;
};

struct http_exchange;

// Handed in by the owner of a listener; both outlive every connection.
struct http_server {
    // The head is complete. Must call exactly one of http_respond(), http_upgrade() now or later.
    void (*on_request)(void *arg, struct http_exchange *x);
    void *arg;
    const char *name;         // of the Server field; NULL: none
    uint32_t head_timeout_ms; // for a whole head, from its first octet; 0: 20 s. Slow clients get 408
    uint32_t idle_timeout_ms; // between requests; 0: 60 s. Closed without a word
    uint32_t body_timeout_ms; // without any octet of a body; 0: 60 s
};
// For struct service: `arg` is a struct http_server.
extern const struct conn_ops http_session_ops;
void *http_session_open(void *arg, struct conn *c);

const struct http_request *http_exchange_request(const struct http_exchange *x);
struct conn *http_exchange_conn(const struct http_exchange *x); // for its loop, peer, and whether it is TLS
// The first field of this name, or an empty slice with ptr NULL.
struct slice http_request_field(const struct http_request *r, const char *name);
// The value of a query parameter, percent-decoded into ret (NUL-terminated). False when it is absent, too long or
// malformed.
MUST_USE bool http_request_query(const struct http_request *r, const char *name, char *ret, size_t size);

// While the handler owes an answer and has let go of the call: tells it, once, that the client has gone; nothing may be
// done with the exchange after that.
void http_exchange_set_owner(struct http_exchange *x, void (*on_cancel)(void *owner), void *owner);

// Reads the body. on_body gets each piece as it arrives, in order (several for a chunked one, never more than `max`
// octets in all), and at the end one call with len 0. It may pause and resume the connection between pieces, and may
// answer before the end; answering ends a pause. It is never called, nor is on_cancel, before this function has
// returned. A body over `max` is answered with 413, a malformed one with 400, silence with 408, all by the server
// itself, after on_cancel. "Expect: 100-continue" is answered here.
void http_exchange_read_body(struct http_exchange *x, uint64_t max,
                             void (*on_body)(void *owner, const char *ptr, size_t len));

struct http_response {
    uint16_t status;
    const char *content_type;        // NULL: no Content-Type
    struct slice body;               // not sent for HEAD, 204 and 304, but its length is (HEAD)
    const struct http_field *fields; // more fields; Date, Server, Content-Length and Connection are ours
    size_t n_fields;
    bool close; // say "Connection: close" and do
    // NULL: the body is copied. Otherwise it is sent from where it stands, as the client takes it, and released when
    // that is done or the client has gone. For what is larger than a few kilobytes.
    void (*release)(void *arg);
    void *release_arg;
};
// The exchange is over with this call. A field with a control character in it (something of a peer's has got there)
// makes the answer an empty 500.
void http_respond(struct http_exchange *x, const struct http_response *r);
// A status with a line of text.
void http_respond_text(struct http_exchange *x, uint16_t status, const char *text);

// Answers 101 with these fields (which name Upgrade and Connection) and hands the connection to another protocol:
// octets that the client has sent already are shown to the new session, which sets a timeout of its own. The exchange
// is over with this call. A request whose body was not read gets 400 instead, and the new session its on_close.
void http_upgrade(struct http_exchange *x, const struct http_field *fields, size_t n_fields, const struct conn_ops *ops,
                  void *session);

// What the server counts is seen from now on, and not only from its first answer.
void http_metrics_register(void);
