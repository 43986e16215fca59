// SPDX-License-Identifier: MIT
// Whole conversations over memory: order, keep-alive, bodies, limits of time, upgrades, shutdown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/fixture.h"
#include "http/session.h"
#include "net/listener.h"

enum { START_S = 784111777 }; // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7

static int setup(void **state) {
    struct fixture *f = MEM_NEW(struct fixture);
    clock_set_fake(1000 * 1000, START_S);
    fixture_init(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture_done(*state);
    free(*state);
    clock_use_real();
    return 0;
}

static void pass_ms(uint64_t ms) {
    clock_set_fake(clock_mono_us() + ms * 1000, START_S);
}

static void feed(struct fixture *f, const char *text) {
    fixture_feed(f, text, strlen(text));
}

// What was sent, in short: "200:small|" for each response (bodies of 60 octets and more are
// not shown), "!" when closed. `out` has the raw octets of the last call.
static struct slice out;

static const char *summary(struct fixture *f) {
    static char text[4096];
    size_t len = 0;
    out = conn_memory_output(f->c);
    struct slice rest = out;
    while (rest.len > 0) {
        size_t end = slice_find_slice(rest, SLICE("\r\n\r\n"));
        if (!slice_starts_with(rest, SLICE("HTTP/1.1 ")) || end == rest.len) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "[%.*s]", SLICE_FMT(slice_sub(rest, 0, 100)));
            break;
        }
        struct slice head = slice_sub(rest, 0, end + 2), body = slice_sub(rest, end + 4, rest.len);
        uint32_t status = 0;
        assert_true(slice_to_u32(slice_sub(head, 9, 12), &status));
        uint64_t n = 0;
        size_t at = slice_find_slice(head, SLICE("\r\nContent-Length: "));
        if (at < head.len) {
            struct slice value = slice_sub(head, at + 18, head.len);
            assert_true(slice_to_u64(slice_sub(value, 0, slice_find(value, '\r')), &n));
        }
        if (n > body.len)
            n = body.len;
        bool closes = slice_find_slice(head, SLICE("\r\nConnection: close\r\n")) < head.len;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%u%s:%.*s|", status, closes ? "c" : "",
                                (int)(n < 60 ? n : 0), body.ptr);
        rest = slice_sub(body, n, body.len);
    }
    (void)snprintf(text + len, sizeof(text) - len, "%s", conn_is_closing(f->c) ? "!" : "");
    return text;
}

static void expect(struct fixture *f, const char *want) {
    const char *got = summary(f);
    if (strcmp(got, want) != 0)
        fail_msg("got \"%s\" want \"%s\" from \"%.*s\"", got, want, SLICE_FMT(slice_sub(out, 0, 1000)));
    conn_memory_take_output(f->c);
}

#define HOST "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST(path, fields) "POST " path " HTTP/1.1\r\n" HOST fields "\r\n"

// Conversations of one go, each also octet by octet.
static const struct {
    const char *in, *want;
} ROWS[] = {
    {GET("/small"), "200:small|"},
    {GET("/small") GET("/close") GET("/small"), "200:small|200c:bye|!"},
    {"POST /new HTTP/1.1\r\nhost: D\r\n\r\n", "200:small|"},
    {POST("/echo", ""), "200:|"},
    {POST("/echo", "Content-Length: 0\r\n"), "200:|"},
    {POST("/echo", "Content-Length: 5\r\n") "hello" GET("/small"), "200:hello|200:small|"},
    {POST("/echo", "Transfer-Encoding: chunked\r\n") "3\r\nhel\r\n2;x\r\nlo\r\n0\r\nA: b\r\n\r\n" GET("/small"),
     "200:hello|200:small|"},
    {POST("/echo", "Transfer-Encoding: chunked\r\n") "0x3\r\nhel\r\n0\r\n\r\n" GET("/small"), "400c:|!"},
    {POST("/echo", "Transfer-Encoding: chunked\r\n") "3e9\r\n", "" /* more is to come */},
    {POST("/echo", "Content-Length: 1001\r\n"), "413c:The body of the request is too large.\n|!"},
    {POST("/echo", "Expect: 100-continue\r\nContent-Length: 1001\r\n"),
     "413c:The body of the request is too large.\n|!"},
    {POST("/unread", "Content-Length: 33\r\n") GET("/hidden") GET("/small"), "200:small|200:small|"},
    {POST("/unread", "Transfer-Encoding: chunked\r\n") "21\r\n" GET("/hidden") "\r\n0\r\n\r\n" GET("/small"),
     "200:small|200:small|"},
    {POST("/unread", "Content-Length: 65537\r\n"), "200c:small|!"},
    {POST("/unread", "Expect: 100-continue\r\nContent-Length: 5\r\n"), "200c:small|!"},
    {POST("/early", "Content-Length: 33\r\n") GET("/hidden") GET("/small"), "200:early|200:small|"},
    {POST("/early", "Transfer-Encoding: chunked\r\n") "21\r\n" GET("/hidden") "\r\n0\r\n\r\n" GET("/small"),
     "200:early|200:small|"},
    {"GET /small HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n" GET("/hidden") GET("/small"),
     "200:small|200:small|"},
    {"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/small"), "200c:small|!"},
    {"GET /small HTTP/1.0\r\n\r\n" GET("/small"), "200c:small|!"},
    {"GET /small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200c:small|!"},
    {"GET https://d.example/small HTTP/1.1\r\nhost: d.example\r\n\r\n", "200:small|"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n" GET("/small"), "204:|200:small|"},
    {GET("/nothing") GET("/unchanged") GET("/small"), "204:|304:|200:small|"},
    {GET("/inject"), "500c:|!"},
    {"\x16\x03\x01", "400c:This is not an HTTP request.\n|!"},
    {POST("/echo", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n" GET("/small"),
     "400c:There are both Content-Length and Transfer-Encoding.\n|!"},
    {"GET /a/../b HTTP/1.1\r\n" HOST "\r\n" GET("/small"),
     "400c:The address holds a dot segment or two slashes in a row.\n|!"},
    {GET("/upgrade"), "101:|"},
};

static void converse(size_t row, size_t step) {
    struct fixture *f = MEM_NEW(struct fixture);
    fixture_init(f);
    size_t len = strlen(ROWS[row].in);
    for (size_t at = 0; at < len; at += step)
        fixture_feed(f, ROWS[row].in + at, step < len - at ? step : len - at);
    const char *got = summary(f), *want = ROWS[row].want;
    if (strcmp(got, want) != 0)
        fail_msg("step %zu: got \"%s\" want \"%s\" for \"%s\"", step, got, want, ROWS[row].in);
    if (strstr(f->seen, "hidden") != NULL)
        fail_msg("octets of a body became a request: \"%s\"", ROWS[row].in);
    fixture_done(f);
    assert_null(f->x);
    free(f);
}

static void test_conversations(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        converse(i, 1);
        converse(i, 7);
        converse(i, 100000);
    }
}

static void test_response_in_full(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/small"));
    struct slice got = conn_memory_output(f->c);
    static const char WANT[] = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: martlet\r\n"
                               "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nsmall";
    if (!slice_eq(got, slice_from_cstr(WANT)))
        fail_msg("got \"%.*s\"", SLICE_FMT(got));
    conn_memory_take_output(f->c);
    feed(f, "HEAD /small HTTP/1.1\r\n" HOST "\r\n");
    got = conn_memory_output(f->c);
    if (!slice_eq(got, slice_make(WANT, sizeof(WANT) - 1 - 5)))
        fail_msg("HEAD: got \"%.*s\"", SLICE_FMT(got));
}

static void test_answers_in_order(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/later") GET("/small"));
    expect(f, "");
    assert_int_equal(f->requests, 1);
    fixture_answer(f);
    expect(f, "200:later|200:small|");
    feed(f, GET("/later"));
    fixture_answer(f);
    expect(f, "200:later|");
}

static void test_body_read_later(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/later-echo", "Content-Length: 5\r\n") "hello" GET("/small"));
    expect(f, "");
    fixture_answer(f);
    expect(f, "200:hello|200:small|");
    feed(f, POST("/later-echo", "") GET("/small"));
    fixture_answer(f);
    expect(f, "200:|200:small|");
    feed(f, POST("/later-echo", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"));
    fixture_answer(f);
    expect(f, "100:|");
    feed(f, "2\r\nhi\r\n0\r\n\r\n");
    expect(f, "200:hi|");
    feed(f, POST("/later-echo", "Content-Length: 1001\r\n"));
    fixture_answer(f);
    expect(f, "413c:The body of the request is too large.\n|!");
    assert_int_equal(f->cancels, 1);
}

static void test_cancel(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/later"));
    conn_abort(f->c);
    loop_run_ready(f->loop);
    assert_int_equal(f->cancels, 1);
}

static void test_half_closed_client(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/later"));
    conn_memory_feed_eof(f->c);
    loop_run_ready(f->loop);
    fixture_answer(f);
    expect(f, "200:later|!");
}

static void test_continue(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
    expect(f, "100:|");
    feed(f, "hi");
    expect(f, "200:hi|");
    feed(f, "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(f, "");
    feed(f, "hi");
    expect(f, "200c:hi|!");
}

static void test_paused_body(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/slow-echo", "Content-Length: 5\r\n") "hel");
    fixture_resume(f);
    feed(f, "lo" GET("/small"));
    assert_int_equal(f->ends, 0);
    fixture_resume(f);
    expect(f, "200:hello|200:small|");
    feed(f, POST("/slow-echo", "Content-Length: 1\r\n") "x");
    assert_int_equal(f->ends, 1);
    fixture_resume(f);
    expect(f, "200:x|");
    feed(f, POST("/slow-echo", "Transfer-Encoding: chunked\r\n") "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" GET("/small"));
    fixture_resume(f);
    expect(f, "");
    fixture_resume(f);
    expect(f, "200:abc|200:small|");
}

static void test_body_without_end(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/echo", "Content-Length: 5\r\n") "he");
    conn_memory_feed_eof(f->c);
    loop_run_ready(f->loop);
    assert_int_equal(f->cancels, 1);
    assert_int_equal(f->ends, 0);
    expect(f, "!");
}

static void test_chunks_over_the_maximum(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/echo", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n3e8\r\nx");
    for (int i = 0; i < 996; i++)
        feed(f, "x");
    expect(f, "");
    feed(f, "xx");
    expect(f, "413c:The body of the request is too large.\n|!");
    assert_int_equal(f->cancels, 1);
}

static void test_endless_skip(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/unread", "Transfer-Encoding: chunked\r\n"));
    expect(f, "200:small|");
    static char chunk[1024 + 8];
    (void)snprintf(chunk, sizeof(chunk), "400\r\n");
    memset(chunk + 5, 'x', 1024);
    memcpy(chunk + 5 + 1024, "\r\n", 2);
    for (int i = 0; i < 63; i++)
        fixture_feed(f, chunk, 5 + 1024 + 2);
    expect(f, "");
    for (int i = 0; i < 2; i++)
        fixture_feed(f, chunk, 5 + 1024 + 2);
    expect(f, "!");
}

static void test_slow_head(void **state) {
    struct fixture *f = *state;
    feed(f, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 19; i++) {
        pass_ms(1000);
        feed(f, "X: y\r\n");
    }
    expect(f, "");
    pass_ms(1000);
    feed(f, "X: y\r\n");
    expect(f, "408c:The request took too long to arrive.\n|!");
}

static void test_silence(void **state) {
    static const struct {
        const char *in, *want;
    } SILENT[] = {
        {"", "!"},
        {GET("/small"), "200:small|!"},
        {"GET /", "408c:The request took too long to arrive.\n|!"},
        {POST("/echo", "Content-Length: 2\r\n") "x", "408c:The body of the request took too long to arrive.\n|!"},
        {POST("/unread", "Content-Length: 2\r\n") "x", "200:small|!"},
        {GET("/later"), ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(SILENT); i++) {
        struct fixture *f = MEM_NEW(struct fixture);
        fixture_init(f);
        feed(f, SILENT[i].in);
        conn_memory_timeout(f->c);
        expect(f, SILENT[i].want);
        fixture_done(f);
        free(f);
    }
}

static void test_trickling_body(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/echo", "Content-Length: 900\r\n"));
    int seconds = 0;
    for (; seconds < 200 && !conn_is_closing(f->c); seconds++) {
        pass_ms(1000);
        feed(f, "x");
    }
    assert_in_range(seconds, 60, 65);
    expect(f, "408c:The body of the request took too long to arrive.\n|!");
    assert_int_equal(f->cancels, 1);
}

static void test_pauses_are_not_the_clients_time(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/slow-echo", "Content-Length: 3\r\n") "a");
    pass_ms(1000 * 1000);
    fixture_resume(f);
    feed(f, "b");
    pass_ms(1000 * 1000);
    fixture_resume(f);
    feed(f, "c");
    fixture_resume(f);
    expect(f, "200:abc|");
}

static void test_big(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/big") GET("/small"));
    struct slice got = conn_memory_output(f->c);
    assert_in_range(got.len, FIXTURE_BIG, FIXTURE_BIG + 2000);
    assert_int_equal(f->releases, 1);
    assert_true(slice_ends_with(got, SLICE("small")));
}

static void test_head_of_big(void **state) {
    struct fixture *f = *state;
    feed(f, "HEAD /big HTTP/1.1\r\n" HOST "\r\n" GET("/small"));
    struct slice got = conn_memory_output(f->c);
    assert_true(slice_ends_with(got, SLICE("\r\n\r\nsmall")));
    assert_in_range(got.len, 1, 400);
    assert_int_equal(f->releases, 1);
}

static void test_client_goes_in_the_middle_of_big(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/gone") GET("/small"));
    assert_int_equal(f->releases, 1);
    assert_int_equal(f->requests, 1);
    assert_true(conn_memory_is_closed(f->c));
}

static void test_client_that_never_reads(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/stuck") GET("/small"));
    assert_int_equal(f->releases, 1);
    assert_int_equal(f->requests, 1);
    assert_true(conn_memory_is_closed(f->c));
}

static void test_upgrade(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/upgrade") "early octets");
    struct slice got = conn_memory_output(f->c);
    static const char WANT[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\nearly octets";
    if (!slice_eq(got, slice_from_cstr(WANT)))
        fail_msg("got \"%.*s\"", SLICE_FMT(got));
    conn_memory_take_output(f->c);
    feed(f, GET("/small"));
    assert_true(slice_eq(conn_memory_output(f->c), SLICE(GET("/small"))));
    conn_close(f->c);
    loop_run_ready(f->loop);
    assert_int_equal(f->other_closes, 1);
}

static void test_late_upgrade(void **state) {
    struct fixture *f = *state;
    feed(f, GET("/later-upgrade") "early octets");
    fixture_answer(f);
    assert_true(slice_ends_with(conn_memory_output(f->c), SLICE("\r\n\r\nearly octets")));
}

static void test_upgrade_with_a_body(void **state) {
    struct fixture *f = *state;
    feed(f, POST("/upgrade", "Content-Length: 4\r\n") "body");
    loop_run_ready(f->loop);
    expect(f, "400c:A request for another protocol has no body.\n|!");
    assert_int_equal(f->other_closes, 1);
}

static void test_shutdown(void **state) {
    static const struct {
        const char *in, *at_once, *after_answer;
    } STOPPED[] = {
        {"", "!", "!"},
        {GET("/small"), "200:small|!", "!"},
        {"GET / HT", "!", "!"},
        {GET("/later") GET("/small"), "", "200c:later|!"},
        {POST("/unread", "Content-Length: 2\r\n") "x", "200:small|!", "!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(STOPPED); i++) {
        struct fixture *f = MEM_NEW(struct fixture);
        fixture_init(f);
        feed(f, STOPPED[i].in);
        conn_shutdown_all(f->loop);
        loop_run_ready(f->loop);
        expect(f, STOPPED[i].at_once);
        fixture_answer(f);
        expect(f, STOPPED[i].after_answer);
        fixture_done(f);
        free(f);
    }
}

static void test_small_when_idle(void **state) {
    print_message("# a session is %zu octets, an exchange %zu\n", sizeof(struct http_session),
                  sizeof(struct http_exchange));
    assert_in_range(sizeof(struct http_session), 1, 300);
    struct fixture *f = *state;
    feed(f, GET("/small"));
    expect(f, "200:small|");
    assert_int_equal(conn_out_len(f->c), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        TEST(test_response_in_full),
        TEST(test_answers_in_order),
        TEST(test_body_read_later),
        TEST(test_cancel),
        TEST(test_half_closed_client),
        TEST(test_continue),
        TEST(test_paused_body),
        TEST(test_body_without_end),
        TEST(test_chunks_over_the_maximum),
        TEST(test_endless_skip),
        TEST(test_slow_head),
        TEST(test_silence),
        TEST(test_trickling_body),
        TEST(test_pauses_are_not_the_clients_time),
        TEST(test_big),
        TEST(test_head_of_big),
        TEST(test_client_goes_in_the_middle_of_big),
        TEST(test_client_that_never_reads),
        TEST(test_upgrade),
        TEST(test_late_upgrade),
        TEST(test_upgrade_with_a_body),
        TEST(test_shutdown),
        TEST(test_small_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
