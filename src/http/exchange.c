// SPDX-License-Identifier: MIT
// One request and its answer. See session.h for the states.
#include "http/session.h"

#include "base/clock.h"
#include "base/mem.h"

enum { SEND_PIECE = 64 * 1024, BODY_TIMEOUT_MS = 60 * 1000 };

static const char TOO_LARGE[] = "The body of the request is too large.";

struct http_exchange *http_exchange_new(struct http_session *s, const char *head, size_t len, size_t n_fields,
                                        struct http_refusal *ret_why) {
    struct http_exchange *x = mem_alloc(sizeof(*x) + n_fields * sizeof(struct http_field) + len);
    *x = (struct http_exchange){.s = s};
    struct http_field *fields = (struct http_field *)(x + 1);
    char *text = (char *)(fields + n_fields);
    memcpy(text, head, len);
    if (!http_head_parse(text, len, fields, n_fields, &x->head, ret_why)) {
        free(x);
        return NULL;
    }
    x->left = x->head.request.length;
    x->body_done = x->left == 0 && !x->head.request.is_chunked;
    x->waits_for_100 = x->head.wants_100;
    x->body_since_ms = x->body_last_ms = s->head_since_ms;
    return x;
}

static void release(struct http_exchange *x) {
    void (*run)(void *arg) = x->release;
    x->release = NULL;
    if (run != NULL)
        run(x->release_arg);
}

void http_exchange_free(struct http_exchange *x) {
    if (x == NULL)
        return;
    release(x);
    if (x->task_due)
        x->dead = true;
    else
        free(x);
}

void http_exchange_cancel(struct http_exchange *x) {
    void (*run)(void *owner) = x->on_cancel;
    x->on_cancel = NULL;
    if (run != NULL)
        run(x->owner);
}

const struct http_request *http_exchange_request(const struct http_exchange *x) {
    return &x->head.request;
}

struct conn *http_exchange_conn(const struct http_exchange *x) {
    return x->s->c;
}

struct slice http_request_field(const struct http_request *r, const char *name) {
    struct slice wanted = slice_from_cstr(name);
    for (size_t i = 0; i < r->n_fields; i++) {
        if (slice_eq_ci(r->fields[i].name, wanted))
            return r->fields[i].value;
    }
    return (struct slice){NULL, 0};
}

void http_exchange_set_owner(struct http_exchange *x, void (*on_cancel)(void *owner), void *owner) {
    x->on_cancel = on_cancel;
    x->owner = owner;
}

// The request has no body, or more than is wanted: said after the caller has returned.
static void answer_at_once(struct loop_task *task) {
    struct http_exchange *x = CONTAINER_OF(task, struct http_exchange, task);
    x->task_due = false;
    if (x->dead)
        free(x);
    else if (x->left > x->max)
        http_exchange_fail(x, 413, TOO_LARGE);
    else
        x->on_body(x->owner, NULL, 0);
}

void http_exchange_read_body(struct http_exchange *x, uint64_t max,
                             void (*on_body)(void *owner, const char *ptr, size_t len)) {
    struct http_session *s = x->s;
    ASSERT(!x->answered && x->on_body == NULL);
    x->on_body = on_body;
    x->max = max;
    if (x->body_done || x->left > max) {
        x->task = (struct loop_task){.run = answer_at_once};
        x->task_due = true;
        loop_defer(conn_loop(s->c), &x->task);
        return;
    }
    s->state = HTTP_STATE_BODY;
    if (x->waits_for_100)
        conn_write_cstr(s->c, "HTTP/1.1 100 Continue\r\n\r\n");
    x->waits_for_100 = false;
    x->body_since_ms = x->body_last_ms = clock_mono_ms();
    http_session_set_timeout(s, s->server->body_timeout_ms > 0 ? s->server->body_timeout_ms : BODY_TIMEOUT_MS);
    if (conn_is_paused(s->c))
        conn_resume(s->c);
}

// Whether the next request can be found behind this one. A client that was left waiting for "100 Continue" may send its
// body or not; we cannot tell (RFC 9110 section 10.1.1).
static bool body_is_skippable(const struct http_exchange *x) {
    return x->body_done || (x->left <= HTTP_BODY_SKIP_MAX && !x->waits_for_100);
}

bool http_exchange_send(struct http_exchange *x) {
    struct conn *c = x->s->c;
    while (x->rest.len > 0 && conn_out_len(c) <= CONN_OUT_HIGH && !conn_is_closing(c)) {
        conn_write_slice(c, slice_sub(x->rest, 0, SEND_PIECE));
        x->rest = slice_sub(x->rest, SEND_PIECE, x->rest.len);
    }
    if (x->rest.len > 0)
        return false;
    release(x);
    return true;
}

void http_respond(struct http_exchange *x, const struct http_response *r) {
    static const struct http_response BROKEN = {.status = 500, .close = true};
    struct http_session *s = x->s;
    ASSERT(!x->answered && r->status >= 200);
    x->answered = true;
    x->on_cancel = NULL;
    x->release = r->release;
    x->release_arg = r->release_arg;
    if (!http_fields_are_safe(r->fields, r->n_fields))
        r = &BROKEN; // better no answer than one that a client of ours has written
    x->close = r->close || s->stopping || x->head.wants_close || x->head.is_http10 || !body_is_skippable(x);
    http_write_head(s->c, s->server, r, x->close);
    if (x->head.request.method != HTTP_HEAD && http_status_has_body(r->status)) {
        if (r->release != NULL)
            x->rest = r->body;
        else
            conn_write_slice(s->c, r->body);
    }
    http_session_proceed(s);
}

static void respond_text(struct http_exchange *x, uint16_t status, const char *text, bool close) {
    size_t len = strlen(text);
    char *line = mem_alloc(len + 1);
    memcpy(line, text, len);
    line[len] = '\n';
    http_respond(x, &(struct http_response){.status = status,
                                            .content_type = "text/plain; charset=utf-8",
                                            .body = slice_make(line, len + 1),
                                            .close = close});
    free(line);
}

void http_respond_text(struct http_exchange *x, uint16_t status, const char *text) {
    respond_text(x, status, text, false);
}

void http_exchange_fail(struct http_exchange *x, uint16_t status, const char *text) {
    http_exchange_cancel(x);
    respond_text(x, status, text, true);
}
