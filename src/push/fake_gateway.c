// SPDX-License-Identifier: MIT
#include "push/fake_gateway.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct fake_gateway fake_gateway;

void fake_gateway_reset(void) {
    ASSERT(fake_gateway.n_calls == 0 && fake_gateway.n_clients == 0);
    fake_gateway = (struct fake_gateway){0};
}

// ---- what the service calls ----

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *s) {
    struct http_client *client = MEM_NEW(struct http_client);
    client->loop = loop;
    fake_gateway.n_clients++;
    return client;
}

void http_client_free(struct http_client *client) {
    ASSERT(client->n_calls == 0);
    fake_gateway.n_clients--;
    free(client);
}

static void end(struct http_call *call) {
    struct fake_gateway *g = &fake_gateway;
    size_t i = 0;
    while (g->calls[i] != call)
        i++;
    g->n_calls--;
    for (; i < g->n_calls; i++)
        g->calls[i] = g->calls[i + 1];
    call->client->n_calls--;
    loop_timer_done(&call->timer);
    free(call);
}

static void on_due(struct loop_timer *timer) {
    struct http_call *call = CONTAINER_OF(timer, struct http_call, timer);
    struct http_call_settings s = call->s;
    struct http_answer answer = call->answer;
    end(call);
    s.on_done(s.arg, &answer);
}

// As the real one it may ask for the body in pieces, and again from its start.
static void read_body(struct http_call *call) {
    for (int round = 0; round < 2; round++) {
        size_t sent = 0, len = 0;
        while (sent < call->s.body_len) {
            size_t max = sent == 0 ? 1 : FAKE_TOKEN_MAX - sent;
            ASSERT(call->s.on_body(call->s.arg, call->token + sent, max, &len) == HTTP_BODY_MORE && len <= max);
            sent += len;
        }
        call->token[sent] = '\0';
        ASSERT(call->s.on_rewind(call->s.arg));
    }
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_settings *s) {
    struct fake_gateway *g = &fake_gateway;
    struct http_call *call = MEM_NEW(struct http_call);
    *call = (struct http_call){.client = client, .s = *s};
    ASSERT(s->body_len > 0 && s->body_len <= FAKE_TOKEN_MAX && strcmp(s->method, "POST") == 0);
    (void)snprintf(call->url, sizeof(call->url), "%s", s->url);
    read_body(call);
    loop_timer_init(&call->timer, client->loop, on_due);
    client->n_calls++;
    ASSERT(g->n_calls < FAKE_GATEWAY_CALLS_MAX);
    g->calls[g->n_calls++] = call;
    g->most_calls = g->n_calls > g->most_calls ? g->n_calls : g->most_calls;
    g->n_begun++;
    return call;
}

void http_call_cancel(struct http_call *call) {
    if (call == NULL)
        return;
    fake_gateway.n_cancelled++;
    end(call);
}

// ---- what the test calls ----

struct http_call *fake_gateway_find(const char *token) {
    for (size_t i = 0; i < fake_gateway.n_calls; i++)
        if (strcmp(fake_gateway.calls[i]->token, token) == 0)
            return fake_gateway.calls[i];
    return NULL;
}

void fake_gateway_answer(struct http_call *call, unsigned status) {
    call->answer = (struct http_answer){
        .outcome = HTTP_ANSWERED, .status = status, .body = SLICE_EMPTY, .content_type = SLICE_EMPTY};
    loop_timer_start(&call->timer, 0);
}

void fake_gateway_fail(struct http_call *call, enum http_outcome outcome) {
    call->answer =
        (struct http_answer){.outcome = outcome, .body = SLICE_EMPTY, .content_type = SLICE_EMPTY, .why = "told so"};
    loop_timer_start(&call->timer, 0);
}
