// SPDX-License-Identifier: MIT
// The life of a connection: heads, limits of time, shutdown. See session.h for the states.
#include "http/session.h"

#include "base/clock.h"
#include "base/mem.h"

enum { HEAD_TIMEOUT_MS = 20 * 1000, IDLE_TIMEOUT_MS = 60 * 1000 };

static uint32_t head_timeout(const struct http_session *s) {
    return s->server->head_timeout_ms > 0 ? s->server->head_timeout_ms : HEAD_TIMEOUT_MS;
}

static uint32_t idle_timeout(const struct http_session *s) {
    return s->server->idle_timeout_ms > 0 ? s->server->idle_timeout_ms : IDLE_TIMEOUT_MS;
}

void http_session_set_timeout(struct http_session *s, uint32_t ms) {
    if (ms == s->timeout_ms)
        return;
    s->timeout_ms = ms;
    conn_set_timeout(s->c, ms);
}

void *http_session_open(void *arg, struct conn *c) {
    const struct http_server *server = arg;
    if (conn_admission(c) != CONN_ADMITTED) {
        static const struct http_field LATER = {SLICE("Retry-After"), SLICE("30")};
        http_write_refusal(c, server, 503, "There are too many connections. Please try again in a moment.", &LATER, 1);
        return NULL;
    }
    struct http_session *s = MEM_NEW(struct http_session);
    s->c = c;
    s->server = server;
    http_session_set_timeout(s, idle_timeout(s));
    return s;
}

void http_session_end(struct http_session *s) {
    s->state = HTTP_STATE_DONE;
    http_exchange_free(s->x);
    s->x = NULL;
    conn_close(s->c);
}

// What cannot be understood is not followed by anything: where the next request begins, nobody knows.
static void refuse(struct http_session *s, struct http_refusal why) {
    http_write_refusal(s->c, s->server, why.status, why.text, NULL, 0);
    http_session_end(s);
}

static void wait_for_head(struct http_session *s) {
    http_exchange_free(s->x);
    s->x = NULL;
    s->state = HTTP_STATE_HEAD;
    s->scan = (struct http_scan){0};
    http_session_set_timeout(s, idle_timeout(s));
}

void http_session_proceed(struct http_session *s) {
    struct http_exchange *x = s->x;
    if (conn_is_paused(s->c))
        conn_resume(s->c);
    if (!http_exchange_send(x)) {
        s->state = HTTP_STATE_SENDING;
        http_session_set_timeout(s, idle_timeout(s));
    } else if (x->close || s->stopping) {
        http_session_end(s);
    } else if (!x->body_done) {
        s->state = HTTP_STATE_SKIP;
        x->body_since_ms = x->body_last_ms = clock_mono_ms();
        x->consumed = 0;
        http_session_set_timeout(s, idle_timeout(s));
    } else {
        wait_for_head(s);
    }
}

// The server as a whole is asked for its methods (RFC 9110 section 9.3.7).
static void answer_for_server(struct http_exchange *x) {
    static const struct http_field ALLOW = {SLICE("Allow"), SLICE("GET, HEAD, POST, OPTIONS")};
    http_respond(x, &(struct http_response){.status = 204, .fields = &ALLOW, .n_fields = 1});
}

static void ask(struct http_session *s, const char *head, size_t len) {
    struct http_refusal why;
    s->x = http_exchange_new(s, head, len, s->scan.n_fields, &why);
    if (s->x == NULL) {
        refuse(s, why);
        return;
    }
    s->state = HTTP_STATE_ASKED;
    if (s->x->head.for_server)
        answer_for_server(s->x);
    else
        s->server->on_request(s->server->arg, s->x);
}

// The time for a head is counted from its first octet, however it trickles in.
static void head_goes_on(struct http_session *s) {
    uint64_t passed = clock_mono_ms() - s->head_since_ms;
    if (passed >= head_timeout(s))
        refuse(s, (struct http_refusal){408, "The request took too long to arrive."});
    else
        http_session_set_timeout(s, head_timeout(s) - (uint32_t)passed);
}

static size_t read_head(struct http_session *s, const char *data, size_t len) {
    if (s->scan.seen == 0)
        s->head_since_ms = clock_mono_ms();
    size_t head_len = 0;
    struct http_refusal why;
    switch (http_scan_head(&s->scan, data, len, &head_len, &why)) {
    case HTTP_SCAN_DONE:
        ask(s, data, head_len);
        return head_len;
    case HTTP_SCAN_MORE:
        head_goes_on(s);
        return 0;
    case HTTP_SCAN_BAD:
        break;
    }
    refuse(s, why);
    return len;
}

static size_t read_state(struct http_session *s, const char *data, size_t len) {
    switch ((enum http_state)s->state) {
    case HTTP_STATE_HEAD:
        return read_head(s, data, len);
    case HTTP_STATE_BODY:
    case HTTP_STATE_SKIP:
        return http_body_read(s, data, len);
    case HTTP_STATE_ASKED:
    case HTTP_STATE_SENDING:
    case HTTP_STATE_DONE:
        break;
    }
    return 0;
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct http_session *s = session;
    s->reading = true;
    size_t n = read_state(s, data, len);
    s->reading = false;
    if (s->gone) {
        free(s);
        return n;
    }
    // What follows the request waits for its answer.
    if (s->state == HTTP_STATE_ASKED && !conn_is_paused(s->c))
        conn_pause(s->c);
    return n;
}

static void on_drain(void *session) {
    struct http_session *s = session;
    if (s->state == HTTP_STATE_SENDING)
        http_session_proceed(s);
}

static void on_timeout(void *session) {
    struct http_session *s = session;
    switch ((enum http_state)s->state) {
    case HTTP_STATE_HEAD:
        if (s->scan.seen > 0)
            refuse(s, (struct http_refusal){408, "The request took too long to arrive."});
        else
            http_session_end(s);
        break;
    case HTTP_STATE_BODY:
        http_exchange_fail(s->x, 408, "The body of the request took too long to arrive.");
        break;
    case HTTP_STATE_SENDING:
        conn_abort(s->c);
        break;
    case HTTP_STATE_SKIP:
        http_session_end(s);
        break;
    case HTTP_STATE_ASKED: // the handler's time, not the client's
    case HTTP_STATE_DONE:
        break;
    }
}

static void on_shutdown(void *session) {
    struct http_session *s = session;
    s->stopping = true;
    if (s->state == HTTP_STATE_HEAD || s->state == HTTP_STATE_SKIP)
        http_session_end(s);
}

static void on_close(void *session, enum conn_end why) {
    struct http_session *s = session;
    if (s->x != NULL)
        http_exchange_cancel(s->x);
    http_exchange_free(s->x);
    free(s);
}

const struct conn_ops http_session_ops = {
    .on_read = on_read,
    .on_drain = on_drain,
    .on_timeout = on_timeout,
    .on_shutdown = on_shutdown,
    .on_close = on_close,
};
