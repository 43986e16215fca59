// SPDX-License-Identifier: MIT
// For tests: HTTP clients in place of net/http_client.c and net/http_call.c whose calls wait until the test answers
// them, one by one.
#pragma once

#include "base/list.h"
#include "net/http_client.h"

enum { FAKE_GATEWAY_CALLS_MAX = 64, FAKE_TOKEN_MAX = 4096 };

struct http_client {
    struct loop *loop;
    size_t n_calls;
};

struct http_call {
    struct http_client *client;
    struct http_call_settings s;
    char token[FAKE_TOKEN_MAX + 1]; // the request's body
    char url[256];
    struct loop_timer timer;
    struct http_answer answer;
};

// All calls under way, in the order of their beginning, and what there was.
extern struct fake_gateway {
    struct http_call *calls[FAKE_GATEWAY_CALLS_MAX];
    size_t n_calls, most_calls, n_begun, n_clients, n_cancelled;
} fake_gateway;

void fake_gateway_reset(void);
// What is under way with this token; NULL.
struct http_call *fake_gateway_find(const char *token);
// Answers in a later turn of the loop.
void fake_gateway_answer(struct http_call *call, unsigned status);
void fake_gateway_fail(struct http_call *call, enum http_outcome outcome);
