// SPDX-License-Identifier: MIT
// POST /mxdeliv from the side of the server: who is let in, what is passed on, how each verdict is told, and that a
// client which goes leaves nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pressure.h"
#include "config/config.h"
#include "http/http.h"
#include "http/mxdeliv/fake_intake.h"
#include "http/mxdeliv/mxdeliv.h"
#include "http/web/test_site.h"
#include "net/listener.h"

enum { MESSAGE_MAX = 3000 };

static struct world {
    struct loop *loop;
    struct config_holder *config;
    struct intake intake;
    struct conn_limits *limits;
    struct mxdeliv_server mxdeliv;
    struct http_server server;
    struct conn *c;
} w;

static struct conn *new_connection(void) {
    struct conn *c = conn_new_memory(w.loop, &http_session_ops, NULL, true);
    conn_set_session(c, http_session_open(&w.server, c));
    return c;
}

static int set_up(void **state) {
    memset(&w, 0, sizeof(w));
    w.loop = loop_new();
    const char *overrides[] = {"mail_domain=b.example", "max_message_size=3000", NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test", overrides, NULL, NULL);
    assert_non_null(c);
    w.config = config_holder_new(c);
    fake_intake_init(&w.intake, "250 2.0.0 taken");
    w.limits = conn_limits_new(2, 2);
    w.mxdeliv = (struct mxdeliv_server){.config = w.config, .intake = &w.intake, .limits = w.limits};
    w.server = (struct http_server){.on_request = mxdeliv_on_request, .arg = &w.mxdeliv};
    w.c = new_connection();
    return 0;
}

static int tear_down(void **state) {
    conn_memory_free(w.c);
    conn_limits_free(w.limits); // nobody is counted in any more
    fake_intake_done(&w.intake);
    config_holder_free(w.config);
    loop_free(w.loop);
    return 0;
}

static void feed(struct conn *c, const char *text) {
    conn_memory_feed(c, text, strlen(text));
    loop_run_ready(w.loop);
}

// "200 250 OK": status and body of what came out last. Takes it.
static const char *answer_of(struct conn *c) {
    static char text[2048];
    struct slice out = conn_memory_output(c), head, body = SLICE_EMPTY;
    size_t end = slice_find_slice(out, SLICE("\r\n\r\n"));
    head = slice_sub(out, 0, end);
    if (end < out.len)
        body = slice_sub(out, end + 4, out.len);
    (void)snprintf(text, sizeof(text), "%.*s %.*s", SLICE_FMT(slice_sub(head, 9, 12)), SLICE_FMT(body));
    conn_memory_take_output(c);
    return head.len > 0 ? text : "";
}

// One request with these fields; the connection goes on unless the server closes it.
static const char *post(const char *fields, const char *body) {
    char head[4096];
    (void)snprintf(head, sizeof(head), "POST /mxdeliv HTTP/1.1\r\nHost: b.example\r\n%sContent-Length: %zu\r\n\r\n",
                   fields, strlen(body));
    if (conn_memory_is_closed(w.c)) {
        conn_memory_free(w.c);
        w.c = new_connection();
    }
    feed(w.c, head);
    feed(w.c, body);
    return answer_of(w.c);
}

#define FROM "X-MAIL-FROM: a@a.example\r\n"
#define TO "X-MAIL-TO: r@b.example\r\n"

static void test_taken(void **state) {
    static const struct {
        const char *fields, *from, *rcpts;
    } cases[] = {
        {FROM TO, "a@a.example", "r@b.example "},
        {"x-mail-from: a@a.example\r\nX-Mail-To:r@b.example\r\nx-MAIL-tO:  s@b.example \r\n", "a@a.example",
         "r@b.example s@b.example "},
        {TO, "", "r@b.example "},
        {"X-MAIL-FROM:\r\n" TO, "", "r@b.example "},
        {"X-MAIL-FROM: a@[192.0.2.1]\r\n" TO, "a@[192.0.2.1]", "r@b.example "},
        {FROM TO "Content-Type: text/plain\r\n", "a@a.example", "r@b.example "},
    };
    static const char body[] = "Subject: x\r\n\r\n..a\r\n";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = post(cases[i].fields, body);
        if (strcmp(got, "200 250 OK") != 0)
            fail_msg("case %zu: got %s", i, got);
        assert_string_equal(w.intake.from, cases[i].from);
        assert_true(slice_eq(buf_slice(&w.intake.rcpts), slice_from_cstr(cases[i].rcpts)));
        assert_true(slice_eq(buf_slice(&w.intake.message), slice_from_cstr(body)));
        assert_int_equal(w.intake.n_finished, i + 1);
    }
}

// Who asks before sending is let go on, or told at once.
static void test_expect(void **state) {
    static const char ask[] = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    feed(w.c, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO);
    feed(w.c, ask);
    assert_string_equal(answer_of(w.c), "100 ");
    feed(w.c, "x\r\n");
    assert_string_equal(answer_of(w.c), "200 250 OK");
    feed(w.c, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n");
    feed(w.c, ask);
    assert_string_equal(answer_of(w.c), "400 554 5.5.1 Error: no valid recipients");
}

static void test_refused_at_the_head(void **state) {
    static const struct {
        const char *fields, *want;
    } cases[] = {
        {FROM, "400 554 5.5.1 Error: no valid recipients"},
        {"", "400 554 5.5.1 Error: no valid recipients"},
        {FROM "X-MAIL-TO: r@c.example\r\n", "400 554 5.7.1 <r@c.example>: Relay access denied"},
        {FROM TO "X-MAIL-TO: r@c.example\r\n", "400 554 5.7.1 <r@c.example>: Relay access denied"},
        {FROM "X-MAIL-TO: <r@b.example>\r\n", "400 501 5.1.3 Error: bad recipient address syntax"},
        {FROM "X-MAIL-TO: r@b.example, s@b.example\r\n", "400 501 5.1.3 Error: bad recipient address syntax"},
        {FROM "X-MAIL-TO:\r\n", "400 501 5.1.3 Error: bad recipient address syntax"},
        {"X-MAIL-FROM: <a@a.example>\r\n" TO, "400 501 5.1.7 Error: bad sender address syntax"},
        {"X-MAIL-FROM: a\r\n" TO, "400 501 5.1.7 Error: bad sender address syntax"},
        {FROM FROM TO, "400 501 5.1.7 Error: bad sender address syntax"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = post(cases[i].fields, "x\r\n");
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got %s, want %s", cases[i].fields, got, cases[i].want);
    }
    assert_int_equal(w.intake.n_finished, 0);
}

static void test_overload(void **state) {
    static const unsigned disk[PRESSURE_N_CAUSES] = {[PRESSURE_DISK] = 3}, load[PRESSURE_N_CAUSES] = {3, 0, 0, 0},
                          none[PRESSURE_N_CAUSES] = {0};
    static const char head[] = "X-MAIL-FROM: a@a.example\r\nX-MAIL-TO: b@b.example\r\n";
    pressure_publish(disk);
    assert_string_equal(post(head, "body"), "503 452 4.3.1 Error: insufficient system storage");
    pressure_publish(load);
    assert_string_equal(post(head, "body"), "503 451 4.3.2 Error: too busy, try again later");
    pressure_publish(none);
    assert_string_equal(post(head, "body"), "200 250 OK");
}

static void test_verdicts(void **state) {
    static const struct {
        const char *reply, *want;
    } cases[] = {
        {"250 OK", "200 250 OK"},
        {"250 2.0.0 anything", "200 250 OK"},
        {"523 Encryption Needed: Invalid Unencrypted Mail", "400 523 Encryption Needed: Invalid Unencrypted Mail"},
        {"554 5.7.1 No DKIM signature found", "400 554 5.7.1 No DKIM signature found"},
        {"552 5.2.2 <r@b.example> Quota exceeded", "400 552 5.2.2 <r@b.example> Quota exceeded"},
        {"552 Message exceeds maximum size", "413 552 Message exceeds maximum size"},
        {"451 4.7.5 DNS", "503 451 4.7.5 DNS"},
        {"452 4.3.1 Error: insufficient system storage", "503 452 4.3.1 Error: insufficient system storage"},
        {"500 Invalid DATA", "400 500 Invalid DATA"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        w.intake.reply = cases[i].reply;
        const char *got = post(FROM TO, "x\r\n");
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got %s, want %s", cases[i].reply, got, cases[i].want);
    }
}

static void test_methods_and_paths(void **state) {
    static const struct {
        const char *request, *want;
    } cases[] = {
        {"GET /mxdeliv HTTP/1.1\r\nHost: b\r\n\r\n", "405 Method Not Allowed\n"},
        {"PUT /mxdeliv HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed\n"},
        {"POST /mxdeliv/x HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", "404 Not found.\n"},
        {"POST https://b/mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Content-Length: 2\r\n\r\n\r\n", "200 250 OK"},
        {"POST /mxdeliv HTTP/1.0\r\n" TO "Content-Length: 2\r\n\r\n\r\n", "200 250 OK"},
        {"POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "\r\n", "200 250 OK"}, // no body: the intake says what it thinks
        {"POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Transfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n0\r\n\r\n",
         "200 250 OK"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conn *c = new_connection();
        feed(c, cases[i].request);
        const char *got = answer_of(c);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got %s, want %s", cases[i].request, got, cases[i].want);
        conn_memory_free(c);
    }
}

static void test_many_recipients(void **state) {
    static const struct {
        int n;
        const char *want;
    } cases[] = {{1000, "200 250 OK"}, {1001, "503 452 4.5.3 Error: too many recipients"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf head;
        buf_init(&head, 100 * 1024);
        assert_true(buf_append_cstr(&head, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n" FROM));
        for (int k = 0; k < cases[i].n; k++)
            assert_true(buf_printf(&head, "X-MAIL-TO: r%d@b.example\r\n", k));
        assert_true(buf_append(&head, "\r\n\r\n\0", 5));
        struct conn *c = new_connection();
        feed(c, buf_slice(&head).ptr);
        assert_string_equal(answer_of(c), cases[i].want);
        conn_memory_free(c);
        buf_done(&head);
    }
}

static void test_size(void **state) {
    static const struct {
        size_t len;
        const char *want;
    } cases[] = {
        {MESSAGE_MAX, "200 250 OK"},
        {MESSAGE_MAX + MESSAGE_MAX / 3, "200 250 OK"}, // perhaps all dots: the intake measures
        {MESSAGE_MAX + MESSAGE_MAX / 2 + 1, "413 552 Message exceeds maximum size"},
        {1000000000, "413 552 Message exceeds maximum size"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char head[256], body[2 * MESSAGE_MAX] = "";
        memset(body, 'x', sizeof(body) - 1);
        (void)snprintf(head, sizeof(head), "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Content-Length: %zu\r\n\r\n",
                       cases[i].len);
        struct conn *c = new_connection();
        feed(c, head);
        if (cases[i].len < sizeof(body)) {
            body[cases[i].len] = '\0';
            feed(c, body);
        }
        assert_string_equal(answer_of(c), cases[i].want);
        conn_memory_free(c);
    }
    // Chunks without end.
    struct conn *c = new_connection();
    feed(c, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2 * MESSAGE_MAX / 10 && !conn_is_closing(c) && !conn_memory_is_closed(c); i++) {
        char chunk[] = "a\r\n0123456789\r\n";
        conn_memory_feed(c, chunk, sizeof(chunk) - 1);
        loop_run_ready(w.loop);
        if (conn_memory_output(c).len > 0)
            break;
    }
    assert_string_equal(answer_of(c), "413 552 Message exceeds maximum size");
    assert_int_equal(w.intake.n_alive, 0);
    conn_memory_free(c);
}

static void test_slow_disk(void **state) {
    w.intake.is_slow = true;
    char body[MESSAGE_MAX + 1];
    for (size_t i = 0; i < MESSAGE_MAX; i++)
        body[i] = (char)('a' + i % 26);
    body[MESSAGE_MAX] = '\0';
    for (size_t piece = 1; piece <= MESSAGE_MAX; piece *= 7) {
        feed(w.c, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Content-Length: 3000\r\n\r\n");
        for (size_t at = 0; at < MESSAGE_MAX; at += piece) {
            conn_memory_feed(w.c, body + at, at + piece < MESSAGE_MAX ? piece : MESSAGE_MAX - at);
            if (at % 3 == 0)
                loop_run_ready(w.loop);
        }
        loop_run_ready(w.loop);
        assert_string_equal(answer_of(w.c), "200 250 OK");
        assert_true(slice_eq(buf_slice(&w.intake.message), slice_make(body, MESSAGE_MAX)));
    }
}

static void test_too_many_at_a_time(void **state) {
    static const char request[] = "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Content-Length: 10\r\n\r\n";
    struct conn *held[2] = {new_connection(), new_connection()};
    feed(held[0], request);
    feed(held[1], request);
    assert_string_equal(post(FROM TO, "x\r\n"), "503 421 4.7.0 Error: too many messages at a time, try again later");
    feed(held[0], "0123456789");
    assert_string_equal(answer_of(held[0]), "200 250 OK");
    assert_string_equal(post(FROM TO, "x\r\n"), "200 250 OK");
    conn_memory_free(held[0]);
    conn_memory_free(held[1]);
}

// At every octet of a request, and while the verdict is awaited.
static void test_client_goes(void **state) {
    static const char request[] =
        "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" FROM TO "Content-Length: 10\r\n\r\n0123456789";
    w.intake.reply = NULL;
    for (size_t slow = 0; slow < 2; slow++)
        for (size_t len = 0; len < sizeof(request); len++)
            for (int way = 0; way < 4; way++) {
                w.intake.is_slow = slow == 1;
                struct conn *c = new_connection();
                conn_memory_feed(c, request, len);
                if (way != 3)
                    loop_run_ready(w.loop);
                if (way == 0)
                    conn_memory_feed_eof(c);
                else if (way == 1)
                    conn_memory_timeout(c);
                else
                    conn_abort(c);
                loop_run_ready(w.loop);
                conn_memory_free(c);
                if (w.intake.n_alive != 0)
                    fail_msg("after %zu octets, way %d: %zu left", len, way, w.intake.n_alive);
            }
}

// A client that falls silent in the body is told so.
static void test_silence(void **state) {
    feed(w.c, "POST /mxdeliv HTTP/1.1\r\nHost: b\r\n" TO "Content-Length: 10\r\n\r\n01234");
    assert_int_equal(w.intake.n_alive, 1);
    conn_memory_timeout(w.c);
    loop_run_ready(w.loop);
    assert_true(slice_starts_with(slice_from_cstr(answer_of(w.c)), SLICE("408 ")));
    assert_int_equal(w.intake.n_alive, 0);
}

// Among the pages.
static void test_on_the_web(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    mxdeliv_add_route(&w.mxdeliv, t.web);
    struct test_reply r = test_ask(&t, "a.org", "POST /mxdeliv", TO "Content-Length: 3\r\n\r\nx\r\n");
    test_status(&r, 200);
    assert_true(slice_eq(r.body, SLICE("250 OK")));
    r = test_ask(&t, "mta-sts.a.org", "POST /mxdeliv", TO "Content-Length: 3\r\n\r\nx\r\n");
    test_status(&r, 200);
    r = test_ask(&t, "a.org", "GET /mxdeliv", NULL);
    test_status(&r, 405);
    test_field_is(&r, "Allow", "POST");
    r = test_ask_plain(&t, "a.org", "POST /mxdeliv", TO "Content-Length: 3\r\n\r\nx\r\n"); // then they use SMTP
    test_status(&r, 301);
    test_site_stop(&t);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_taken),
        T(test_expect),
        T(test_refused_at_the_head),
        T(test_overload),
        T(test_verdicts),
        T(test_methods_and_paths),
        T(test_many_recipients),
        T(test_size),
        T(test_slow_disk),
        T(test_too_many_at_a_time),
        T(test_client_goes),
        T(test_silence),
        T(test_on_the_web),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
