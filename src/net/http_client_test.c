// SPDX-License-Identifier: MIT
// The HTTP client against a server that answers well and in every bad way, in HTTP/1.1.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_fixture.h"
#include "net/http_talk.h"

static struct authority authority;

static int set_up(void **state) {
    authority_make(&authority);
    // None of this may have any effect.
    (void)setenv("https_proxy", "http://127.0.0.1:9", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    (void)setenv("SSL_CERT_FILE", "/dev/null", 1);
    return 0;
}

static int tear_down(void **state) {
    authority_free(&authority);
    return 0;
}
struct scene {
    struct far_http far;
    struct loop *loop;
    struct http_client *client;
};

static void open_scene(struct scene *s, const struct http_client_settings *settings) {
    struct http_client_settings client = settings != NULL ? *settings : (struct http_client_settings){0};
    client.tls = authority.tls;
    s->far = (struct far_http){.cert = s->far.cert != NULL ? s->far.cert : authority.good, .clear = s->far.clear};
    far_http_start(&s->far);
    s->loop = loop_new();
    s->client = http_client_new(s->loop, &client);
}

// Until the server has so many connections at most.
static void until_open(struct scene *s, int max) {
    for (uint64_t end = clock_mono_ms() + NEAR_PATIENCE_MS; atomic_load(&s->far.open) > max && clock_mono_ms() < end;) {
        loop_run_ready(s->loop);
        (void)usleep(200);
    }
    assert_in_range(atomic_load(&s->far.open), 0, max);
}

static void close_scene(struct scene *s) {
    http_client_free(s->client);
    loop_free(s->loop);
    far_http_join(&s->far);
}

static void test_answers(void **state) {
    static const struct {
        const char *method, *path;
        uint64_t body_len;
        enum http_outcome outcome;
        unsigned status;
        const char *want; // body, or the words
    } cases[] = {
        {"GET", "/ok", 0, HTTP_ANSWERED, 200, "hello"},
        {"HEAD", "/ok", 0, HTTP_ANSWERED, 200, ""},
        {"POST", "/count", 0, HTTP_ANSWERED, 200, "0 0"},
        {"GET", "/status/404", 0, HTTP_ANSWERED, 404, ""},
        {"GET", "/status/503", 0, HTTP_ANSWERED, 503, ""},
        {"GET", "/redirect", 0, HTTP_ANSWERED, 302, ""},
        {"POST", "/ok", 5000, HTTP_ANSWERED, 200, "hello"},
        {"PUT", "/ok", 5000, HTTP_ANSWERED, 200, "hello"},
        {"GET", "/close", 0, HTTP_FAILED_PROTOCOL, 0, "closed without an answer"},
        {"GET", "/half", 0, HTTP_FAILED_PROTOCOL, 0, "closed early"},
        {"GET", "/half-head", 0, HTTP_FAILED_PROTOCOL, 0, "closed early"},
        {"GET", "/garbage", 0, HTTP_FAILED_PROTOCOL, 0, "not a proper HTTP answer"},
        {"GET", "/large", 0, HTTP_FAILED_TOO_LARGE, 200, "the answer is too large"},
        {"GET", "/fields", 0, HTTP_FAILED_TOO_LARGE, 200, "the answer is too large"},
        {"GET", "/renew", 0, HTTP_FAILED_PROTOCOL, 0, "closed without an answer"},
        {"GET", "/never", 0, HTTP_FAILED_TIMEOUT, 0, "timed out waiting for the answer"},
    };
    struct scene s = {0};
    open_scene(&s, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t;
        talk_prepare(&t, s.client, &s.far.address, cases[i].path);
        t.s.method = cases[i].method;
        t.s.body_len = cases[i].body_len;
        if (cases[i].outcome == HTTP_FAILED_TIMEOUT)
            t.s.timeout_ms = 300;
        talk_run(&t, s.loop);
        const char *got = t.outcome == HTTP_ANSWERED ? t.body : t.why;
        if (t.outcome != cases[i].outcome || t.status != cases[i].status || strcmp(got, cases[i].want) != 0)
            fail_msg("%s %s: got outcome %d status %u \"%s\", want %d %u \"%s\"", cases[i].method, cases[i].path,
                     (int)t.outcome, t.status, got, (int)cases[i].outcome, cases[i].status, cases[i].want);
        if (t.outcome == HTTP_ANSWERED)
            assert_string_equal(t.type, "text/plain");
        assert_int_equal(t.retry_after_s, slice_starts_with(slice_from_cstr(cases[i].path), SLICE("/status")) ? 7 : 0);
    }
    close_scene(&s);
}

static void test_requests_refused(void **state) {
    static const char *const bad_header[] = {"X: a\r\nY: b", NULL}, *const no_colon[] = {"words", NULL};
    static const struct {
        const char *what, *method, *url;
        const char *const *headers;
        bool no_address;
    } cases[] = {
        {"scheme", "GET", "ftp://mx.example/", NULL, false},
        {"file", "GET", "file:///etc/passwd", NULL, false},
        {"clear text", "GET", "http://mx.example/", NULL, false},
        {"user", "GET", "https://user:word@mx.example/", NULL, false},
        {"empty", "GET", "", NULL, false},
        {"no host", "GET", "https://", NULL, false},
        {"port", "GET", "https://mx.example:99999/", NULL, false},
        {"method", "GET / HTTP/1.0\r\n", "https://mx.example/", NULL, false},
        {"no method", "", "https://mx.example/", NULL, false},
        {"header", "GET", "https://mx.example/", bad_header, false},
        {"header without colon", "GET", "https://mx.example/", no_colon, false},
        {"no address", "GET", "https://mx.example/", NULL, true},
        {"no address, localhost", "GET", "https://localhost/", NULL, true},
    };
    struct loop *loop = loop_new();
    struct http_client *client = http_client_new(loop, &(struct http_client_settings){.tls = authority.tls});
    struct net_address to = far_refusing("127.0.0.1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t;
        talk_prepare(&t, client, &to, "/");
        t.s.method = cases[i].method;
        t.s.url = cases[i].url;
        t.s.headers = cases[i].headers;
        t.s.n_addresses = cases[i].no_address ? 0 : 1;
        talk_run(&t, loop);
        if (t.outcome != HTTP_FAILED_REQUEST)
            fail_msg("%s: got %d (%s)", cases[i].what, (int)t.outcome, t.why);
    }
    http_client_free(client);
    loop_free(loop);
}

static void test_connecting(void **state) {
    struct far_hole hole;
    far_hole_open(&hole, "127.0.0.1");
    struct far stalls = {.manner = FAR_STALLS, .connections = 1}, garbage = {.manner = FAR_GARBAGE, .connections = 1};
    far_start(&stalls);
    far_start(&garbage);
    const struct {
        struct net_address to;
        enum http_outcome outcome;
        const char *why;
    } cases[] = {
        {far_refusing("127.0.0.1"), HTTP_FAILED_CONNECT, "connection refused"},
        {hole.address, HTTP_FAILED_TIMEOUT, "timed out while connecting"},
        {stalls.address, HTTP_FAILED_TIMEOUT, "timed out while connecting"},
        {garbage.address, HTTP_FAILED_TLS, "the TLS handshake failed"},
    };
    struct loop *loop = loop_new();
    struct http_client *client = http_client_new(loop, &(struct http_client_settings){.tls = authority.tls});
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t;
        talk_prepare(&t, client, &cases[i].to, "/");
        t.s.connect_timeout_ms = cases[i].outcome == HTTP_FAILED_TIMEOUT ? 300 : 0;
        talk_run(&t, loop);
        if (t.outcome != cases[i].outcome || strcmp(t.why, cases[i].why) != 0)
            fail_msg("case %zu: got %d \"%s\", want \"%s\"", i, (int)t.outcome, t.why, cases[i].why);
    }
    http_client_free(client);
    loop_free(loop);
    far_join(&stalls);
    far_join(&garbage);
    far_hole_close(&hole);
}

// The port is the URL's, so the two addresses are two loopback addresses.
static void test_second_address(void **state) {
    struct scene s = {0};
    open_scene(&s, NULL);
    struct net_address to[2];
    assert_true(net_address_parse(SLICE("::1"), &to[0])); // nothing listens there
    to[0].port = s.far.address.port;
    to[1] = s.far.address;
    struct talk t;
    talk_prepare(&t, s.client, &to[0], "/ok");
    t.s.addresses = to;
    t.s.n_addresses = 2;
    talk_run(&t, s.loop);
    assert_int_equal(t.outcome, HTTP_ANSWERED);
    close_scene(&s);
}

static void test_certificates(void **state) {
    static const struct {
        bool self_signed;
        enum tls_check check;
        const char *host, *why; // NULL: answered
    } cases[] = {
        {false, TLS_CHECK_PKIX, "mx.example", NULL},
        {false, TLS_CHECK_PKIX, "other.example", "the certificate is for another name"},
        {false, TLS_CHECK_ANY, "other.example", NULL},
        {false, TLS_CHECK_PKIX, "127.0.0.1", NULL},
        {true, TLS_CHECK_PKIX, "mx.example", "the certificate is self-signed"},
        {true, TLS_CHECK_ANY, "_mx.example", NULL},
        {true, TLS_CHECK_ANY, "127.0.0.1", NULL},
        {true, TLS_CHECK_PKIX, "127.0.0.1", "the certificate is self-signed"},
    };
    struct scene s[2] = {{.far.cert = authority.good}, {.far.cert = authority.self_signed}};
    open_scene(&s[0], NULL);
    open_scene(&s[1], NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene *at = &s[cases[i].self_signed];
        struct talk t;
        talk_prepare(&t, at->client, &at->far.address, "/ok");
        (void)snprintf(t.url, sizeof(t.url), "https://%s:%u/ok", cases[i].host, (unsigned)at->far.address.port);
        t.s.check = cases[i].check;
        talk_run(&t, at->loop);
        const char *want = cases[i].why != NULL ? cases[i].why : "";
        if (t.outcome != (cases[i].why != NULL ? HTTP_FAILED_TLS : HTTP_ANSWERED) || strcmp(t.why, want) != 0)
            fail_msg("case %zu: got %d \"%s\", want \"%s\"", i, (int)t.outcome, t.why, want);
    }
    close_scene(&s[0]);
    close_scene(&s[1]);
}

// Resumed, it would prove as little again, also when the peer has another certificate by then.
static void test_no_session_of_what_proved_nothing(void **state) {
    struct scene s = {.far.cert = authority.good};
    open_scene(&s, NULL);
    for (int i = 0; i < 20; i++) {
        struct talk t;
        talk_prepare(&t, s.client, &s.far.address, "/ok");
        (void)snprintf(t.url, sizeof(t.url), "https://other.example:%u/ok", (unsigned)s.far.address.port);
        t.s.check = TLS_CHECK_PKIX;
        talk_run(&t, s.loop);
        assert_int_equal(t.outcome, HTTP_FAILED_TLS);
        assert_string_equal(t.why, "the certificate is for another name");
    }
    assert_int_equal(atomic_load(&s.far.resumed), 0);
    close_scene(&s);
}

static void test_clear_text(void **state) {
    struct scene s = {.far.clear = true};
    open_scene(&s, NULL);
    struct talk t;
    talk_prepare(&t, s.client, &s.far.address, "/ok");
    (void)snprintf(t.url, sizeof(t.url), "http://mx.example:%u/ok", (unsigned)s.far.address.port);
    t.s.allow_clear = true;
    talk_run(&t, s.loop);
    assert_int_equal(t.outcome, HTTP_ANSWERED);
    close_scene(&s);
}

static void test_head(void **state) {
    static const char *const headers[] = {"X-One: 1", "Content-Type: message/rfc822", NULL};
    struct scene s = {0};
    open_scene(&s, NULL);
    struct talk t;
    char want[512];
    talk_prepare(&t, s.client, &s.far.address, "/head");
    t.s.method = "POST";
    t.s.body_len = 3;
    t.s.headers = headers;
    talk_run(&t, s.loop);
    (void)snprintf(want, sizeof(want),
                   "POST /head HTTP/1.1\r\nHost: mx.example:%u\r\nAccept: */*\r\nX-One: 1\r\n"
                   "Content-Type: message/rfc822\r\nContent-Length: 3\r\n\r\n",
                   (unsigned)s.far.address.port);
    assert_string_equal(t.body, want);
    close_scene(&s);
}

static void test_upload(void **state) {
    static const struct {
        uint64_t len;
        int waits;
        bool expect;
    } cases[] = {
        {1, 0, false}, {1, 2, false}, {20 * 1024 * 1024, 400, false}, {20 * 1024 * 1024, 0, true}, {100, 2, true},
    };
    struct scene s = {0};
    open_scene(&s, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t;
        char want[64];
        talk_prepare(&t, s.client, &s.far.address, "/count");
        t.s.method = "POST";
        t.s.body_len = cases[i].len;
        t.s.expect_continue = cases[i].expect;
        t.waits = cases[i].waits;
        talk_run(&t, s.loop);
        (void)snprintf(want, sizeof(want), "%llu %llu", (unsigned long long)cases[i].len, (unsigned long long)t.sum);
        if (t.outcome != HTTP_ANSWERED || strcmp(t.body, want) != 0 || t.waits != 0)
            fail_msg("case %zu: got %d \"%s%s\", want \"%s\"", i, (int)t.outcome, t.body, t.why, want);
    }
    assert_int_equal(atomic_load(&s.far.connections), 1);
    close_scene(&s);
}

static void test_refused_before_the_body(void **state) {
    struct scene s = {0};
    open_scene(&s, NULL);
    for (int expect = 0; expect < 2; expect++) {
        struct talk t;
        talk_prepare(&t, s.client, &s.far.address, "/refuse");
        t.s.method = "POST";
        t.s.body_len = 20 * 1024 * 1024;
        t.s.expect_continue = expect == 1;
        talk_run(&t, s.loop);
        if (t.outcome != HTTP_ANSWERED || t.status != 413 || t.given == t.s.body_len)
            fail_msg("expect %d: got %d %u \"%s\" after %llu octets", expect, (int)t.outcome, t.status, t.why,
                     (unsigned long long)t.given);
        if (expect == 1)
            assert_int_equal(t.given, 0);
    }
    // A server that does not wait for the rest may take its answer with it.
    struct talk t;
    talk_prepare(&t, s.client, &s.far.address, "/refuse-close");
    t.s.method = "POST";
    t.s.body_len = 20 * 1024 * 1024;
    talk_run(&t, s.loop);
    assert_true((t.outcome == HTTP_ANSWERED && t.status == 413) || t.outcome == HTTP_FAILED_PROTOCOL);
    close_scene(&s);
}

static void test_body_fails(void **state) {
    struct scene s = {0};
    open_scene(&s, NULL);
    struct talk t;
    talk_prepare(&t, s.client, &s.far.address, "/count");
    t.s.method = "POST";
    t.s.body_len = 1024 * 1024;
    t.fail_at_body = 3;
    talk_run(&t, s.loop);
    assert_int_equal(t.outcome, HTTP_FAILED_BODY);
    close_scene(&s);
}

static void test_reuse(void **state) {
    struct scene s = {0};
    open_scene(&s, NULL);
    struct talk t;
    for (int i = 0; i < 5; i++) {
        talk_prepare(&t, s.client, &s.far.address, "/ok");
        talk_run(&t, s.loop);
        assert_int_equal(t.outcome, HTTP_ANSWERED);
        assert_int_equal(t.reused, i > 0);
    }
    assert_int_equal(atomic_load(&s.far.connections), 1);
    assert_int_equal(atomic_load(&s.far.open), 1);
    // A connection that proved nothing is not used for who wants proof, nor the other way round.
    talk_prepare(&t, s.client, &s.far.address, "/ok");
    t.s.check = TLS_CHECK_ANY;
    talk_run(&t, s.loop);
    assert_false(t.reused);
    // The server has closed meanwhile: the body is sent again, on a new connection.
    talk_prepare(&t, s.client, &s.far.address, "/once");
    talk_run(&t, s.loop);
    assert_true(t.reused);
    until_open(&s, 1);
    talk_prepare(&t, s.client, &s.far.address, "/count");
    t.s.method = "POST";
    t.s.body_len = 100;
    talk_run(&t, s.loop);
    assert_int_equal(t.outcome, HTTP_ANSWERED);
    assert_int_equal(t.status, 200);
    close_scene(&s);
}

static void test_idle(void **state) {
    struct scene s = {0};
    const struct http_client_settings settings = {.idle_ms = 200};
    open_scene(&s, &settings);
    struct talk t;
    talk_prepare(&t, s.client, &s.far.address, "/ok");
    talk_run(&t, s.loop);
    assert_int_equal(atomic_load(&s.far.open), 1);
    until_open(&s, 0);
    // A new connection resumes the TLS session of the old one.
    talk_prepare(&t, s.client, &s.far.address, "/ok");
    talk_run(&t, s.loop);
    assert_int_equal(t.outcome, HTTP_ANSWERED);
    assert_int_equal(atomic_load(&s.far.connections), 2);
    assert_int_equal(atomic_load(&s.far.resumed), 1);
    talk_prepare(&t, s.client, &s.far.address, "/ok");
    t.s.check = TLS_CHECK_ANY;
    talk_run(&t, s.loop);
    assert_int_equal(atomic_load(&s.far.resumed), 1);
    close_scene(&s);
}

// While the client is in use for others, too.
static void test_idle_beside_others(void **state) {
    struct scene s = {0};
    const struct http_client_settings settings = {.idle_ms = 1000};
    open_scene(&s, &settings);
    for (int i = 0; i < 20; i++) {
        struct talk t;
        bool never = false;
        talk_prepare(&t, s.client, &s.far.address, "/ok");
        t.s.check = i == 0 ? TLS_CHECK_ANY : TLS_CHECK_PKIX;
        talk_run(&t, s.loop);
        assert_int_equal(t.outcome, HTTP_ANSWERED);
        (void)near_until(s.loop, &never, 200);
    }
    assert_int_equal(atomic_load(&s.far.connections), 2);
    until_open(&s, 1);
    assert_int_equal(atomic_load(&s.far.open), 1);
    close_scene(&s);
}

static void test_bounded_cache(void **state) {
    struct scene s = {0};
    const struct http_client_settings settings = {.max_idle = 3};
    open_scene(&s, &settings);
    for (int i = 0; i < 8; i++) {
        struct talk t;
        talk_prepare(&t, s.client, &s.far.address, "/ok");
        (void)snprintf(t.url, sizeof(t.url), "https://host%d.example:%u/ok", i, (unsigned)s.far.address.port);
        t.s.check = TLS_CHECK_ANY;
        talk_run(&t, s.loop);
        assert_int_equal(t.outcome, HTTP_ANSWERED);
        until_open(&s, 3);
        assert_in_range(atomic_load(&s.far.open), 1, 3);
    }
    close_scene(&s);
}

static void test_cancel(void **state) {
    static const struct {
        const char *path;
        int after_ms; // -1: before the loop runs
        int at_body;
        uint64_t body_len;
        int waits;
    } cases[] = {
        {"/ok", -1, 0, 0, 0},         {"/ok", 0, 0, 0, 0},         {"/ok", 1, 0, 0, 0},
        {"/ok", 2, 0, 0, 0},          {"/never", 100, 0, 0, 0},    {"/count", 0, 1, 1000, 0},
        {"/count", 0, 9, 1 << 20, 0}, {"/count", 100, 0, 100, 99}, {"/count", 3, 0, 20 << 20, 0},
    };
    struct scene s = {0};
    open_scene(&s, NULL);
    struct far_hole hole;
    far_hole_open(&hole, "127.0.0.1");
    for (size_t i = 0; i <= ARRAY_LEN(cases); i++) {
        bool in_hole = i == ARRAY_LEN(cases), never = false;
        struct talk t;
        talk_prepare(&t, s.client, in_hole ? &hole.address : &s.far.address, in_hole ? "/" : cases[i].path);
        t.s.body_len = in_hole ? 0 : cases[i].body_len;
        t.s.method = t.s.body_len > 0 ? "POST" : "GET";
        t.waits = in_hole ? 0 : cases[i].waits;
        t.cancel_at_body = in_hole ? 0 : cases[i].at_body;
        talk_start(&t, s.loop);
        if (!in_hole && cases[i].at_body > 0)
            assert_true(near_until(s.loop, &t.cancelled, NEAR_PATIENCE_MS));
        else if (in_hole || cases[i].after_ms >= 0)
            (void)near_until(s.loop, &t.done, in_hole ? 50 : cases[i].after_ms);
        loop_timer_done(&t.timer);
        if (!t.done && (in_hole || cases[i].at_body == 0))
            http_call_cancel(t.call);
        bool was_done = t.done;
        (void)near_until(s.loop, &never, 20);
        assert_int_equal(t.done, was_done);
        if (!in_hole && cases[i].at_body > 0)
            assert_false(t.done);
    }
    http_call_cancel(NULL);
    // One that is under way when the client goes.
    struct talk t;
    talk_prepare(&t, s.client, &s.far.address, "/never");
    talk_start(&t, s.loop);
    (void)near_until(s.loop, &t.done, 30);
    close_scene(&s);
    assert_false(t.done);
    far_hole_close(&hole);
}

static void test_many_at_once(void **state) {
    enum { MANY = 40 };
    static struct talk talks[MANY];
    struct scene s = {0};
    open_scene(&s, NULL);
    for (int i = 0; i < MANY; i++) {
        talk_prepare(&talks[i], s.client, &s.far.address, "/count");
        talks[i].s.method = "POST";
        talks[i].s.body_len = 50 * 1000;
        talks[i].waits = 4;
        talk_start(&talks[i], s.loop);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(near_until(s.loop, &talks[i].done, NEAR_PATIENCE_MS));
        assert_int_equal(talks[i].status, 200);
        loop_timer_done(&talks[i].timer);
    }
    close_scene(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_connecting),    cmocka_unit_test(test_second_address),
        cmocka_unit_test(test_certificates),  cmocka_unit_test(test_no_session_of_what_proved_nothing),
        cmocka_unit_test(test_clear_text),    cmocka_unit_test(test_head),
        cmocka_unit_test(test_upload),        cmocka_unit_test(test_refused_before_the_body),
        cmocka_unit_test(test_body_fails),    cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_idle),          cmocka_unit_test(test_idle_beside_others),
        cmocka_unit_test(test_bounded_cache), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
