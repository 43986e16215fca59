// SPDX-License-Identifier: MIT
// The inside of the server, private to http/. A session is what every connection has, and small; an exchange exists
// from the end of a request's head until its response is handed over and its body read.
//
//   HEAD ──── waits for a request, or for the rest of its head; no exchange
//   ASKED ─── the handler owes an answer and wants no body now; the connection is paused
//   BODY ──── the handler reads the body (and may pause the connection itself)
//   SENDING ─ answered; the body of the response leaves as the client takes it. More than CONN_OUT_HIGH is waiting
//             then, so that the connection shows us no input
//   SKIP ──── answered; what is left of the request's body is read away before the next head, so that it can never be
//             taken for one
//   DONE ──── closing, or another protocol's
#pragma once

#include "http/chunked.h"
#include "http/parser.h"
#include "http/response.h"

enum http_state {
    HTTP_STATE_HEAD,
    HTTP_STATE_ASKED,
    HTTP_STATE_BODY,
    HTTP_STATE_SENDING,
    HTTP_STATE_SKIP,
    HTTP_STATE_DONE,
};

struct http_session {
    struct conn *c;
    const struct http_server *server;
    struct http_exchange *x;
    struct http_scan scan;
    uint64_t head_since_ms; // the first octet of the head that is arriving
    uint32_t timeout_ms;    // that was set last
    uint8_t state;
    bool reading;  // within on_read
    bool stopping; // the relay ends: no further request
    bool gone;     // another protocol has the connection; freed at the end of on_read
};

struct http_exchange {
    struct http_session *s;
    struct http_head head;
    void (*on_cancel)(void *owner);
    void *owner;
    void (*on_body)(void *owner, const char *ptr, size_t len);

    // The request's body.
    struct http_chunked chunked;
    uint64_t left;          // octets of a body with Content-Length that were not consumed
    uint64_t received;      // octets of the body, framing not counted
    uint64_t consumed;      // octets with the framing of chunks
    uint64_t max;           // what the handler takes
    uint64_t skipped;       // octets read away after the answer
    uint64_t body_since_ms; // when the client could begin to send it, moved on by the pauses of ours
    uint64_t body_last_ms;  // its latest octets
    bool was_paused;        // since those
    bool body_done;         // its last octet was consumed
    bool is_held;           // its last octet was handed on but not consumed, see body.c
    bool waits_for_100;     // the client may be waiting for "100 Continue"

    // The response.
    bool answered;
    bool close;
    struct slice rest; // of its body, not handed over yet
    void (*release)(void *arg);
    void *release_arg;

    // What http_exchange_read_body() started goes on when its caller is done.
    struct loop_task task;
    bool task_due;
    bool dead; // freed by the task

    struct http_field *fields; // head.request.n_fields, behind this struct, and behind them the text of the head
};

// session.c
// After the answer: sends the rest, reads away the rest, waits for the next request or closes.
void http_session_proceed(struct http_session *s);
// No more can be understood on this connection, or nobody is there: closes it.
void http_session_end(struct http_session *s);
void http_session_set_timeout(struct http_session *s, uint32_t ms);

// exchange.c
// Copies the head. NULL with a reason when it is refused.
struct http_exchange *http_exchange_new(struct http_session *s, const char *head, size_t len, size_t n_fields,
                                        struct http_refusal *ret_why);
// Also releases what of the response is left. NULL is accepted.
void http_exchange_free(struct http_exchange *x);
// Tells the owner that nothing is to be done any more.
void http_exchange_cancel(struct http_exchange *x);
// on_cancel, then this answer; the connection closes.
void http_exchange_fail(struct http_exchange *x, uint16_t status, const char *text);
// Hands over as much of the response's body as the connection should hold. False while some is left.
bool http_exchange_send(struct http_exchange *x);

// body.c
// Octets of the request's body have come, for the handler (BODY) or for nobody (SKIP); returns how many were consumed.
size_t http_body_read(struct http_session *s, const char *data, size_t len);
