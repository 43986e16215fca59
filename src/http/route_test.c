// SPDX-License-Identifier: MIT
// Routes, the opening handshake of a websocket, and the refusal of a connection over the limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/route.h"
#include "http/websocket.h"
#include "net/listener.h"

// One request on a connection of its own; the answer is in `got`.
static char got[4096];
static const char *protocol;
static bool accepted;

static void exchange(void (*on_request)(void *arg, struct http_exchange *x), const char *request) {
    struct http_server server = {.on_request = on_request};
    struct loop *loop = loop_new();
    struct conn *c = conn_new_memory(loop, &http_session_ops, NULL, true);
    conn_set_session(c, http_session_open(&server, c));
    conn_memory_feed(c, request, strlen(request));
    loop_run_ready(loop);
    struct slice out = conn_memory_output(c);
    (void)snprintf(got, sizeof(got), "%.*s", SLICE_FMT(out));
    conn_memory_free(c);
    loop_free(loop);
}

static void expect_part(const char *want) {
    if (strstr(got, want) == NULL)
        fail_msg("got \"%s\" want \"%s\"", got, want);
}

static void run_new(void *arg, struct http_exchange *x) {
    http_respond_text(x, 200, "new");
}

static void run_below(void *arg, struct http_exchange *x) {
    http_respond_text(x, 200, "below");
}

static void run_home(void *arg, struct http_exchange *x) {
    http_respond_text(x, 200, arg);
}

static const struct http_route ROUTES[] = {
    {"/", HTTP_ALLOW_GET, run_home},
    {"/new", HTTP_ALLOW_POST, run_new},
    {"/both", HTTP_ALLOW_GET, run_home},
    {"/both", HTTP_ALLOW_POST, run_new},
    {"/.well-known/acme-challenge/*", HTTP_ALLOW_GET, run_below},
};

static void on_routed(void *arg, struct http_exchange *x) {
    char home[] = "home";
    if (!http_route_run(ROUTES, ARRAY_LEN(ROUTES), home, x))
        http_respond_text(x, 404, "not found");
}

static void test_routes(void **state) {
    static const struct {
        const char *line, *status, *part;
    } ROWS[] = {
        {"GET /", "200", "home"},
        {"GET /?x", "200", "home"},
        {"HEAD /", "200", "Content-Length: 5\r\n"},
        {"POST /", "405", "Allow: GET, HEAD\r\n"},
        {"OPTIONS /", "405", "Allow: GET, HEAD\r\n"},
        {"POST /new", "200", "new"},
        {"GET /new", "405", "Allow: POST\r\n"},
        {"GET /both", "200", "home"},
        {"POST /both", "200", "new"},
        {"DELETE /both", "405", "Allow: GET, HEAD, POST\r\n"},
        {"GET /new/", "404", ""},
        {"GET /New", "404", ""},
        {"GET /.well-known/acme-challenge/abc", "200", "below"},
        {"GET /.well-known/acme-challenge/", "404", ""},
        {"GET /.well-known/acme-challenge", "404", ""},
        {"DELETE /elsewhere", "404", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char request[200];
        (void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: a\r\n\r\n", ROWS[i].line);
        exchange(on_routed, request);
        if (strncmp(got + strlen("HTTP/1.1 "), ROWS[i].status, 3) != 0 || strstr(got, ROWS[i].part) == NULL)
            fail_msg("%s: got \"%s\" want %s \"%s\"", ROWS[i].line, got, ROWS[i].status, ROWS[i].part);
    }
}

static size_t frames_read(void *session, const char *data, size_t len) {
    return len;
}

static void frames_timeout(void *session) {}

static void frames_close(void *session, enum conn_end why) {}

static const struct conn_ops FRAMES = {.on_read = frames_read, .on_timeout = frames_timeout, .on_close = frames_close};

static void on_websocket(void *arg, struct http_exchange *x) {
    static const char *const PROTOCOLS[] = {"superchat", "chat", NULL};
    static int session;
    accepted = http_websocket_accept(x, PROTOCOLS, &protocol, &FRAMES, &session);
}

#define OPEN "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

// The request and the answer of RFC 6455 section 1.2 and 1.3.
static void test_websocket_vector(void **state) {
    exchange(on_websocket,
             OPEN KEY "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n" VERSION "\r\n");
    assert_string_equal(got, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                             "Sec-WebSocket-Protocol: superchat\r\n\r\n");
    assert_true(accepted);
    assert_string_equal(protocol, "superchat");
}

static void test_websocket_refusals(void **state) {
    static const struct {
        const char *request, *want;
    } ROWS[] = {
        {OPEN VERSION "Sec-WebSocket-Protocol: chat\r\n\r\n", "Sec-WebSocket-Key"},
        {OPEN "Sec-WebSocket-Key: c2hvcnQ=\r\n" VERSION "Sec-WebSocket-Protocol: chat\r\n\r\n", "Sec-WebSocket-Key"},
        {OPEN KEY "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: chat\r\n\r\n", "Sec-WebSocket-Version: 13\r\n"},
        {OPEN KEY "Sec-WebSocket-Protocol: chat\r\n\r\n", "Sec-WebSocket-Version: 13\r\n"},
        {OPEN KEY VERSION "\r\n", "offered websocket protocols"},
        {OPEN KEY VERSION "Sec-WebSocket-Protocol: chatter, CHAT\r\n\r\n", "offered websocket protocols"},
        {OPEN KEY VERSION "Content-Length: 1\r\n\r\nx", "no body"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "for websockets"},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" KEY VERSION "\r\n", "for websockets"},
        {"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" KEY VERSION "\r\n", "with GET"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        exchange(on_websocket, ROWS[i].request);
        assert_false(accepted);
        expect_part("HTTP/1.1 400 Bad Request\r\n");
        expect_part(ROWS[i].want);
    }
}

static void test_over_the_limit(void **state) {
    struct http_server server = {.on_request = on_routed};
    struct loop *loop = loop_new();
    struct conn_limits *limits = conn_limits_new(1, 1);
    struct conn *first = conn_new_memory(loop, &http_session_ops, NULL, true);
    struct conn *second = conn_new_memory(loop, &http_session_ops, NULL, true);
    conn_set_limits(first, limits);
    conn_set_limits(second, limits);
    conn_set_session(first, http_session_open(&server, first));
    assert_null(http_session_open(&server, second));
    struct slice out = conn_memory_output(second);
    (void)snprintf(got, sizeof(got), "%.*s", SLICE_FMT(out));
    expect_part("HTTP/1.1 503 Service Unavailable\r\n");
    expect_part("Retry-After: 30\r\n");
    expect_part("Connection: close\r\n");
    conn_set_handler(second, &FRAMES, &server); // there is no session: what a listener would know
    conn_memory_free(second);
    conn_memory_free(first);
    conn_limits_free(limits);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_websocket_vector),
        cmocka_unit_test(test_websocket_refusals),
        cmocka_unit_test(test_over_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
