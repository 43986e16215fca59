// SPDX-License-Identifier: MIT
// The inside of the HTTP client, private to net/: http_client.c drives libcurl from the loop and owns connections,
// http_call.c is one request, http_failure.c says what went wrong.
//
// While libcurl runs (`inside`) it may not be asked to drop or resume a transfer, and callbacks of ours run within it:
// what they ask for is noted and done by http_client_leave().
#pragma once

#include <curl/curl.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/http_client.h"

enum { HTTP_HOST_MAX = 253 };

struct http_client {
    struct loop *loop;
    struct http_client_settings s;
    CURLM *multi; // NULL while nothing is open
    struct loop_timer timer;
    struct loop_timer idle;
    struct list calls; // struct http_call, by `link`
    int inside;
    bool errands; // some call has a `cancelled` or `resume_due`
};

struct http_call {
    struct list link;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolve;
    struct loop_timer refusal; // for what is wrong before it began
    struct buf answer;
    uint64_t body_len, body_sent;
    size_t header_len;
    enum http_body (*on_body)(void *arg, char *ptr, size_t max, size_t *ret_len);
    bool (*on_rewind)(void *arg);
    void (*on_done)(void *arg, const struct http_answer *answer);
    void *arg;
    enum tls_check check;
    uint16_t port;
    bool is_literal : 1; // the URL's host is an address
    bool is_added : 1;   // to the multi
    bool waiting : 1;    // on_body said so
    bool cancelled : 1;
    bool resume_due : 1;
    bool too_large : 1;
    bool body_failed : 1;
    bool has_header : 1; // the answer's, and all of it
    char host[HTTP_HOST_MAX + 1];
};

// http_client.c
void http_client_enter(struct http_client *client);
void http_client_leave(struct http_client *client);
// There is a multi from now on; one more call / one call less.
void http_client_add(struct http_client *client, struct http_call *call);
void http_client_remove(struct http_client *client, struct http_call *call);
// The options that make a transfer's sockets ours.
void http_client_set_sockets(struct http_client *client, CURL *easy);

// http_call.c
// It is over: tells the owner unless that has cancelled, and frees.
void http_call_finish(struct http_call *call, CURLcode code);
void http_call_free(struct http_call *call);
void http_call_unpause(struct http_call *call);

// http_failure.c
// Fills outcome and words.
void http_failure_describe(const struct http_call *call, CURLcode code, struct http_answer *ret);
