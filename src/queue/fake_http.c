// SPDX-License-Identifier: MIT
#include "queue/fake_http.h"

#include <stdio.h>

#include "base/mem.h"

struct http_call {
    struct http_client *client;
    struct loop_timer timer;
    struct http_call_settings s;
};

static void end(struct http_call *call) {
    call->client->n_open--;
    loop_timer_done(&call->timer);
    free(call);
}

static void on_due(struct loop_timer *timer) {
    struct http_call *call = CONTAINER_OF(timer, struct http_call, timer);
    const struct http_client *c = call->client;
    struct http_answer a = {.outcome = c->outcome, .body = SLICE_EMPTY, .content_type = SLICE_EMPTY, .why = "told so"};
    if (c->outcome == HTTP_ANSWERED) {
        a.status = c->status;
        a.body = slice_from_cstr(c->body);
        a.content_type = slice_from_cstr(c->content_type);
    }
    call->s.on_done(call->s.arg, &a);
    end(call);
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_settings *s) {
    struct http_call *call = MEM_NEW(struct http_call);
    *call = (struct http_call){.client = client, .s = *s};
    client->n_calls++;
    if (++client->n_open > client->most_open)
        client->most_open = client->n_open;
    client->check = s->check;
    (void)snprintf(client->url, sizeof(client->url), "%s", s->url);
    ASSERT(s->n_addresses > 0);
    loop_timer_init(&call->timer, client->loop, on_due);
    client->latest = call;
    if (!client->is_silent)
        loop_timer_start(&call->timer, 0);
    return call;
}

void fake_http_answer(struct http_client *c) {
    loop_timer_start(&c->latest->timer, 0);
}

void http_call_cancel(struct http_call *call) {
    if (call != NULL)
        end(call);
}
