// SPDX-License-Identifier: MIT
// For tests: an HTTP client that gives the one answer it was told, in place of net/http_client.c and net/http_call.c.
#pragma once

#include "net/http_client.h"

struct http_client {
    struct loop *loop;
    enum http_outcome outcome;
    unsigned status;
    const char *content_type, *body;
    bool is_silent; // no answer comes
    struct http_call *latest;
    size_t n_calls, n_open, most_open;
    char url[512];
    enum tls_check check;
};

// Answers the latest call after all.
void fake_http_answer(struct http_client *c);
