// SPDX-License-Identifier: MIT
// POST /mxdeliv against a server that answers well, badly or not at all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/http_client.h"
#include "queue/fake_letter.h"
#include "queue/far_http.h"
#include "queue/mxdeliv.h"

#define OK_200 "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n250 OK"

static const struct far_http_step TAKES = {.answer = OK_200};

static struct world {
    struct loop *loop;
    struct cert *ca, *cert;
    char folder[64], ca_path[256];
    struct tls_client_context *tls;
    struct http_client *http;
    struct config_holder *config;
    struct mxdeliv_client *client;
    struct far_http far;
    struct transport_host host;
    struct fake_letter letter;
    const struct transport *t;
    struct transport_channel *ch;
    struct transport_end end;
    int n_ends;
} w;

static void use_port(uint16_t port) {
    char text[32];
    (void)snprintf(text, sizeof(text), "outbound_https_port=%u", port);
    const char *overrides[] = {"mail_domain=a.example", text, NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test", overrides, NULL, NULL);
    assert_non_null(c);
    if (w.config == NULL)
        w.config = config_holder_new(c);
    else
        config_holder_replace(w.config, c);
}

enum { PATIENCE_MS = 60 * 1000 }; // ends a test that hangs

static struct net_address loopback(bool ipv6) {
    struct net_address a = {.port = 0};
    assert_true(net_address_parse(ipv6 ? SLICE("::1") : SLICE("127.0.0.1"), &a));
    return a;
}

static void open_client(uint32_t timeout_ms) {
    w.client = mxdeliv_client_new(&(struct mxdeliv_client_settings){
        .config = w.config, .loop = w.loop, .http = w.http, .timeout_ms = timeout_ms});
    w.t = mxdeliv_client_transport(w.client);
    w.ch = w.t->open(w.t->arg, &w.host);
}

static void close_client(void) {
    if (w.ch != NULL)
        w.t->close(w.ch);
    w.ch = NULL;
    mxdeliv_client_free(w.client);
    w.client = NULL;
}

static int set_up(void **state) {
    memset(&w, 0, sizeof(w));
    w.loop = loop_new();
    w.ca = cert_fixture_new(&(struct cert_spec){.name = "CA", .is_ca = true});
    w.cert = cert_fixture_new(&(struct cert_spec){.name = "mx", .san = "DNS:mx.b.example", .issuer = w.ca});
    (void)snprintf(w.folder, sizeof(w.folder), "/tmp/queue-mxdeliv-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    cert_fixture_save(w.ca, w.folder, "ca.pem", w.ca_path);
    const char *error = NULL;
    w.tls = tls_client_context_new(&(struct tls_client_settings){.ca_file = w.ca_path}, &error);
    assert_non_null(w.tls);
    w.http = http_client_new(w.loop, &(struct http_client_settings){.tls = w.tls});
    assert_true(far_http_start(&w.far, w.loop, w.cert, false));
    far_http_script(&w.far, &TAKES, 1);
    use_port(w.far.port);
    w.host = (struct transport_host){.name = "mx.b.example",
                                     .destination = "b.example",
                                     .addresses = {loopback(false)},
                                     .n_addresses = 1,
                                     .check = TLS_CHECK_PKIX};
    open_client(0);
    return 0;
}

static int tear_down(void **state) {
    close_client();
    http_client_free(w.http);
    far_http_stop(&w.far);
    config_holder_free(w.config);
    tls_client_context_free(w.tls);
    cert_fixture_free(w.cert);
    cert_fixture_free(w.ca);
    (void)unlink(w.ca_path);
    (void)rmdir(w.folder);
    loop_free(w.loop);
    return 0;
}

static void on_end(void *arg, const struct transport_end *end) {
    w.end = *end;
    w.n_ends++;
}

// Sends w.letter; the replies are those of the transport.
static void send_it(void) {
    w.n_ends = 0;
    for (size_t i = 0; i < w.letter.letter.n_recipients; i++)
        w.letter.replies[i] = (struct transport_reply){.code = 0};
    w.t->send(w.ch, &w.letter.letter, on_end, NULL);
    assert_int_equal(w.n_ends, 0);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; w.n_ends == 0 && clock_mono_ms() < end;) {
        loop_run_ready(w.loop);
        (void)usleep(100);
    }
    assert_int_equal(w.n_ends, 1);
}

static void send_text(struct slice text, size_t n_recipients) {
    fake_letter_init(&w.letter, w.loop, text, n_recipients);
    send_it();
    fake_letter_done(&w.letter);
}

static void expect_taken(void) {
    if (w.end.result != TRANSPORT_ANSWERED)
        fail_msg("broken: %s", w.end.why.text);
    assert_true(w.end.connected);
    for (size_t i = 0; i < w.letter.letter.n_recipients; i++) {
        assert_int_equal(w.letter.replies[i].code, 250);
        assert_string_equal(w.letter.replies[i].text, "250 OK (HTTPS)");
    }
}

static bool head_has(size_t i, const char *line) {
    struct slice head = far_http_head(&w.far, i), want = slice_from_cstr(line);
    return slice_find_slice(head, want) < head.len;
}

static void test_request(void **state) {
    char host[64];
    send_text(SLICE("Subject: x\r\n\r\n.dot\r\n"), 2);
    expect_taken();
    (void)snprintf(host, sizeof(host), "\r\nHost: mx.b.example:%u\r\n", w.far.port);
    assert_true(slice_starts_with(far_http_head(&w.far, 0), SLICE("POST /mxdeliv HTTP/1.1\r\n")));
    assert_true(head_has(0, host));
    assert_true(head_has(0, "\r\nX-MAIL-FROM: a@a.example\r\n"));
    assert_true(head_has(0, "\r\nX-MAIL-TO: r0@b.example\r\nX-MAIL-TO: r1@b.example\r\n"));
    assert_true(head_has(0, "\r\nContent-Length: 21\r\n"));
    assert_false(head_has(0, "\r\nContent-Type:"));
    assert_false(head_has(0, "\r\nTransfer-Encoding:"));
    assert_false(head_has(0, "\r\nExpect:"));
    assert_true(slice_eq(far_http_body(&w.far, 0), SLICE("Subject: x\r\n\r\n..dot\r\n")));
}

static void test_null_sender(void **state) {
    fake_letter_init(&w.letter, w.loop, SLICE("x\r\n"), 1);
    w.letter.letter.reverse_path = SLICE_EMPTY;
    send_it();
    fake_letter_done(&w.letter);
    expect_taken();
    assert_false(head_has(0, "X-MAIL-FROM"));
    assert_true(head_has(0, "\r\nX-MAIL-TO: r0@b.example\r\n"));
}

static void test_stuffing(void **state) {
    static const struct {
        struct slice text, want;
    } cases[] = {
        {SLICE("."), SLICE("..\r\n")},
        {SLICE(".\r\n"), SLICE("..\r\n")},
        {SLICE("..\r\n"), SLICE("...\r\n")},
        {SLICE("a\r\n.\r\n.b\r\n\r\n..c"), SLICE("a\r\n..\r\n..b\r\n\r\n...c\r\n")},
        {SLICE("a.b\r\nc.\r\n"), SLICE("a.b\r\nc.\r\n")},
        {SLICE("a"), SLICE("a\r\n")},
        {SLICE("a\r"), SLICE("a\r\r\n")},
        {SLICE("\r\n"), SLICE("\r\n")},
        {SLICE("\r\n\r\n"), SLICE("\r\n\r\n")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 0; piece < 4; piece++) {
            far_http_script(&w.far, &TAKES, 1);
            fake_letter_init(&w.letter, w.loop, cases[i].text, 1);
            w.letter.piece = piece;
            send_it();
            fake_letter_done(&w.letter);
            expect_taken();
            struct slice got = far_http_body(&w.far, 0);
            if (!slice_eq(got, cases[i].want))
                fail_msg("case %zu in pieces of %zu: got \"%.*s\"", i, piece, SLICE_FMT(got));
        }
}

// A text of `len` octets with many dots at the beginning of lines, and what is to come of it.
static struct slice make_large(size_t len, struct buf *want) {
    char *text = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        size_t at = i % 7;
        text[i] = at == 0 || at == 3 ? '.' : at == 5 ? '\r' : at == 6 ? '\n' : 'x';
    }
    memcpy(text + len - 2, "\r\n", 2);
    buf_init(want, 2 * len);
    for (size_t i = 0; i < len; i++) {
        bool is_first = i == 0 || text[i - 1] == '\n';
        assert_true(buf_append(want, ".", is_first && text[i] == '.' ? 1 : 0) && buf_append(want, &text[i], 1));
    }
    return slice_make(text, len);
}

static void test_large(void **state) {
    static const size_t sizes[] = {56 * 1024, 57344 + 7, 64 * 1024, 100001, 3 * 1024 * 1024 + 5};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf want;
        struct slice text = make_large(sizes[i], &want);
        far_http_script(&w.far, &TAKES, 1);
        send_text(text, 1);
        expect_taken();
        if (!slice_eq(far_http_body(&w.far, 0), buf_slice(&want)))
            fail_msg("%zu octets: another body", sizes[i]);
        buf_done(&want);
        free((char *)text.ptr);
    }
}

static void test_many_recipients(void **state) {
    static const struct { size_t n, posts; } cases[] = {{80, 1}, {81, 2}, {160, 2}, {161, 3}, {300, 4}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        far_http_script(&w.far, &TAKES, 1);
        send_text(SLICE("a\r\n"), cases[i].n);
        expect_taken();
        assert_int_equal(w.far.n_requests, cases[i].posts);
        for (size_t k = 0; k < cases[i].n; k++) {
            char line[64];
            (void)snprintf(line, sizeof(line), "\r\nX-MAIL-TO: r%zu@b.example\r\n", k);
            assert_true(head_has(k / 80, line));
        }
        for (size_t k = 0; k < cases[i].posts; k++)
            assert_true(slice_eq(far_http_body(&w.far, k), SLICE("a\r\n")));
    }
}

// Long addresses make a POST full before there are eighty; no line of the head becomes too much for the peer.
static void test_long_addresses(void **state) {
    enum { LEN = 300, N = 80 };
    static char text[LEN];
    memset(text, 'r', LEN);
    memcpy(text + LEN - 10, "@b.example", 10);
    far_http_script(&w.far, &TAKES, 1);
    fake_letter_init(&w.letter, w.loop, SLICE("a\r\n"), N);
    for (size_t i = 0; i < N; i++)
        w.letter.recipients[i] = slice_make(text, LEN);
    send_it();
    fake_letter_done(&w.letter);
    expect_taken();
    assert_int_equal(w.far.n_requests, 3);
    assert_true(far_http_head(&w.far, 0).len < 16 * 1024);
}

// What the first POST settled stays so; the others wait.
static void test_broken_in_the_middle(void **state) {
    static const struct far_http_step script[] = {
        {.answer = OK_200}, {.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\n421 4.7.0 x"}};
    far_http_script(&w.far, script, 2);
    send_text(SLICE("a\r\n"), 100);
    assert_int_equal(w.end.result, TRANSPORT_ANSWERED);
    for (size_t i = 0; i < 100; i++)
        assert_string_equal(w.letter.replies[i].text, i < 80 ? "250 OK (HTTPS)" : "451 HTTP error: 503 421 4.7.0");
}

#define ANSWER(status, len, body) "HTTP/1.1 " status "\r\nContent-Length: " len "\r\n\r\n" body

static void test_answers(void **state) {
    static const struct {
        struct far_http_step step;
        const char *want; // NULL: taken
    } cases[] = {
        {{.answer = ANSWER("200 OK", "0", "")}, NULL},
        {{.answer = "HTTP/1.1 204 No Content\r\n\r\n"}, NULL},
        {{.answer = ANSWER("202 Accepted", "1", "x")}, NULL},
        {{.answer = "HTTP/1.1 100 Continue\r\n\r\n" OK_200}, NULL},
        {{.answer = "HTTP/1.0 200 OK\r\n\r\n250 OK", .then_close = true}, NULL},
        {{.answer = ANSWER("400 Bad Request", "26", "523 Encryption\x01 Needed\r\nmore")}, "451 HTTP error: 400 523"},
        {{.answer = ANSWER("400 Bad Request", "0", "")}, "451 HTTP error: 400"},
        {{.answer = ANSWER("413 Too Large", "4", "552 "), .at_head = true, .then_close = true},
         "451 HTTP error: 413 552"},
        {{.answer = "HTTP/1.1 301 Moved\r\nLocation: https://mx.b.example/x\r\nContent-Length: 0\r\n\r\n"},
         "451 HTTP error: 301"},
        {{.answer = ANSWER("404 Not Found", "9", "not found")}, "451 HTTP error: 404"},
        {{.answer = ANSWER("500 Oops", "0", "")}, "451 HTTP error: 500"},
        {{.answer = NULL, .then_close = true}, "451 I/O error: closed without an answer"},
        {{.answer = NULL, .at_head = true, .then_close = true}, "451 I/O error: closed without an answer"},
        {{.answer = "220 smtp.example ESMTP\r\n", .then_close = true}, "451 I/O error: not a proper HTTP answer"},
        {{.answer = ANSWER("400 Bad", "100", "short"), .then_close = true}, "451 I/O error: closed early"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        far_http_script(&w.far, &cases[i].step, 1);
        send_text(SLICE("a\r\n.b\r\n"), 1);
        if (cases[i].want == NULL) {
            expect_taken();
        } else if (w.end.result != TRANSPORT_BROKEN || strcmp(w.end.why.text, cases[i].want) != 0 ||
                   w.end.why.code != 451 || !w.end.connected) {
            fail_msg("case %zu: got %d \"%s\" connected %d, want \"%s\"", i, w.end.why.code, w.end.why.text,
                     w.end.connected, cases[i].want);
        }
    }
}

static void test_endless_answer(void **state) {
    static char text[64 * 1024];
    size_t head = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 400 Bad\r\nContent-Length: 60000\r\n\r\n");
    memset(text + head, 'x', 60000);
    static struct far_http_step step;
    step.answer = text;
    far_http_script(&w.far, &step, 1);
    send_text(SLICE("a\r\n"), 1);
    assert_string_equal(w.end.why.text, "451 HTTP error: the answer is too large");
    memcpy(text + 9, "200", 3); // it was taken all the same
    far_http_script(&w.far, &step, 1);
    send_text(SLICE("a\r\n"), 1);
    expect_taken();
}

// A large letter is not sent to those who say at once that they do not want it.
static void test_refused_before_the_body(void **state) {
    static const struct far_http_step step = {
        .answer = ANSWER("413 Too Large", "7", "552 big"), .at_head = true, .then_close = true};
    struct buf want;
    struct slice text = make_large(2 * 1024 * 1024, &want);
    far_http_script(&w.far, &step, 1);
    send_text(text, 1);
    assert_string_equal(w.end.why.text, "451 HTTP error: 413 552");
    assert_true(head_has(0, "\r\nExpect: 100-continue\r\n"));
    assert_true(buf_slice(&w.far.seen).len < 4096);
    buf_done(&want);
    free((char *)text.ptr);
}

static void test_certificates(void **state) {
    struct cert *other = cert_fixture_new(&(struct cert_spec){.name = "x", .san = "DNS:x.example", .issuer = w.ca});
    struct cert *self = cert_fixture_new(&(struct cert_spec){.name = "mx.b.example", .san = "DNS:mx.b.example"});
    const struct {
        const struct cert *cert;
        enum tls_check check;
        const char *want;
    } cases[] = {
        {other, TLS_CHECK_PKIX, "451 TLS error: the certificate is for another name"},
        {other, TLS_CHECK_DANE, "451 TLS error: the certificate is for another name"},
        {self, TLS_CHECK_PKIX, "451 TLS error: the certificate is self-signed"},
        {other, TLS_CHECK_ANY, NULL},
        {self, TLS_CHECK_ANY, NULL},
        {w.cert, TLS_CHECK_DANE, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        far_http_stop(&w.far);
        assert_true(far_http_start(&w.far, w.loop, cases[i].cert, false));
        far_http_script(&w.far, &TAKES, 1);
        use_port(w.far.port);
        w.host.check = cases[i].check;
        send_text(SLICE("a\r\n"), 1);
        if (cases[i].want == NULL)
            expect_taken();
        else
            assert_string_equal(w.end.why.text, cases[i].want);
    }
    cert_fixture_free(other);
    cert_fixture_free(self);
}

static void test_nobody_there(void **state) {
    use_port(1);
    send_text(SLICE("a\r\n"), 1);
    assert_int_equal(w.end.result, TRANSPORT_BROKEN);
    assert_false(w.end.connected);
    assert_string_equal(w.end.why.text, "450 Connection failed: connection refused");
}

static void test_slow(void **state) {
    static const struct far_http_step silent = {.answer = NULL};
    close_client();
    open_client(300);
    far_http_script(&w.far, &silent, 1);
    send_text(SLICE("a\r\n"), 1);
    assert_string_equal(w.end.why.text, "451 I/O error: timed out waiting for the answer");
    assert_true(w.end.connected);
}

static void wait_a_little(void) {
    for (int i = 0; i < 20; i++) {
        loop_run_ready(w.loop);
        (void)usleep(1000);
    }
}

static void test_connections_are_kept(void **state) {
    for (int i = 0; i < 3; i++) {
        send_text(SLICE("a\r\n"), 1);
        expect_taken();
    }
    assert_int_equal(w.far.n_connections, 1);
    conn_close(w.far.latest); // the peer has had enough of it; we learn that when we use it, or before
    wait_a_little();
    struct buf want;
    struct slice text = make_large(200 * 1024, &want);
    send_text(text, 1);
    expect_taken();
    assert_int_equal(w.far.n_connections, 2);
    buf_done(&want);
    free((char *)text.ptr);
}

static void test_unreadable_letters(void **state) {
    struct buf want;
    struct slice text = make_large(200 * 1024, &want);
    for (size_t fails_at = 1; fails_at < 14; fails_at++) {
        fake_letter_init(&w.letter, w.loop, text, 1);
        w.letter.fails_at = fails_at;
        send_it();
        fake_letter_done(&w.letter);
        assert_int_equal(w.end.result, TRANSPORT_BROKEN);
        assert_string_equal(w.end.why.text, fails_at <= 7 ? "451 4.3.0 Local error: the message could not be read"
                                                          : "451 Local error: the body could not be read");
    }
    fake_letter_init(&w.letter, w.loop, text, 1);
    w.letter.letter.size++; // shorter than was promised
    send_it();
    fake_letter_done(&w.letter);
    assert_int_equal(w.end.result, TRANSPORT_BROKEN);
    buf_done(&want);
    free((char *)text.ptr);
}

// Given up at every point: no callback comes, nothing is left.
static void test_close_at_any_time(void **state) {
    struct buf want;
    struct slice text = make_large(150 * 1024, &want);
    for (int turns = 0; turns < 40; turns++) {
        fake_letter_init(&w.letter, w.loop, text, 1);
        w.n_ends = 0;
        w.t->send(w.ch, &w.letter.letter, on_end, NULL);
        for (int i = 0; i < turns && w.n_ends == 0; i++) {
            loop_run_ready(w.loop);
            (void)usleep(200);
        }
        int ends = w.n_ends;
        w.t->close(w.ch);
        wait_a_little();
        assert_int_equal(w.n_ends, ends);
        fake_letter_done(&w.letter);
        w.ch = w.t->open(w.t->arg, &w.host);
    }
    buf_done(&want);
    free((char *)text.ptr);
}

static void test_ipv6_literal(void **state) {
    struct far_http far6;
    if (!far_http_start(&far6, w.loop, w.cert, true))
        return; // a machine without IPv6
    far_http_script(&far6, &TAKES, 1);
    use_port(far6.port);
    w.host.name = "::1";
    w.host.destination = "[ipv6:::1]";
    w.host.check = TLS_CHECK_ANY;
    w.host.addresses[0] = loopback(true);
    send_text(SLICE("a\r\n"), 1);
    expect_taken();
    char host[64];
    (void)snprintf(host, sizeof(host), "\r\nHost: [::1]:%u\r\n", far6.port);
    struct slice head = far_http_head(&far6, 0);
    assert_true(slice_find_slice(head, slice_from_cstr(host)) < head.len);
    far_http_stop(&far6);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_request),
        T(test_null_sender),
        T(test_stuffing),
        T(test_large),
        T(test_many_recipients),
        T(test_long_addresses),
        T(test_broken_in_the_middle),
        T(test_answers),
        T(test_endless_answer),
        T(test_refused_before_the_body),
        T(test_certificates),
        T(test_nobody_there),
        T(test_slow),
        T(test_connections_are_kept),
        T(test_unreadable_letters),
        T(test_close_at_any_time),
        T(test_ipv6_literal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
