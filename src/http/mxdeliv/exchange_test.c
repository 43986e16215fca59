// SPDX-License-Identifier: MIT
// Both sides of POST /mxdeliv, over TLS on loopback: what the queue's client sends arrives at the intake.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/mxdeliv/fake_intake.h"
#include "http/mxdeliv/mxdeliv.h"
#include "mail/dot.h"
#include "net/conn_fixture.h"
#include "net/http_client.h"
#include "net/listener.h"
#include "queue/fake_letter.h"
#include "queue/mxdeliv.h"

enum { HANDSHAKE_MS = 60 * 1000 };

static struct world {
    struct server net; // its script is not used: the sessions here are ours
    struct loop *loop;
    struct config_holder *config;
    struct intake intake;
    struct mxdeliv_server mxdeliv;
    struct http_server http_server;
    struct tls_client_context *tls;
    struct http_client *http;
    struct mxdeliv_client *client;
    const struct transport *t;
    struct transport_host host;
    struct transport_channel *ch;
    struct fake_letter letter;
    struct transport_end end;
} w;

static void serve(void) {
    server_start(&w.net, &(struct service){.tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = HANDSHAKE_MS},
                 &(struct tls_settings){.allow_tls12 = true, .tickets = true});
    listener_free(w.net.listener);
    w.loop = w.net.loop;
    w.http_server = (struct http_server){.on_request = mxdeliv_on_request, .arg = &w.mxdeliv};
    w.net.svc.ops = &http_session_ops;
    w.net.svc.on_open = http_session_open;
    w.net.svc.arg = &w.http_server;
    w.net.listener = listener_new(w.net.fd, w.loop, &w.loop, 1, &w.net.svc);
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    return net_address_from_sockaddr((struct sockaddr *)&bound).port;
}

static int set_up(void **state) {
    memset(&w, 0, sizeof(w));
    serve();
    char port[64];
    (void)snprintf(port, sizeof(port), "outbound_https_port=%u", port_of(w.net.fd));
    const char *overrides[] = {"mail_domain=b.example", "max_message_size=3500000", port, NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test", overrides, NULL, NULL);
    assert_non_null(c);
    w.config = config_holder_new(c);
    fake_intake_init(&w.intake, "250 OK");
    w.mxdeliv = (struct mxdeliv_server){.config = w.config, .intake = &w.intake};
    const char *error = NULL;
    w.tls = tls_client_context_new(&(struct tls_client_settings){0}, &error);
    w.http = http_client_new(w.loop, &(struct http_client_settings){.tls = w.tls});
    w.client =
        mxdeliv_client_new(&(struct mxdeliv_client_settings){.config = w.config, .loop = w.loop, .http = w.http});
    w.t = mxdeliv_client_transport(w.client);
    w.host = (struct transport_host){
        .name = "mx.b.example", .destination = "b.example", .n_addresses = 1, .check = TLS_CHECK_ANY};
    assert_true(net_address_parse(SLICE("127.0.0.1"), &w.host.addresses[0]));
    w.ch = w.t->open(w.t->arg, &w.host);
    return 0;
}

static int tear_down(void **state) {
    w.t->close(w.ch);
    mxdeliv_client_free(w.client);
    http_client_free(w.http);
    tls_client_context_free(w.tls);
    server_stop(&w.net);
    fake_intake_done(&w.intake);
    config_holder_free(w.config);
    return 0;
}

static void on_end(void *arg, const struct transport_end *end) {
    w.end = *end;
    loop_stop(w.loop);
}

static void send_text(struct slice text, size_t n_recipients) {
    fake_letter_init(&w.letter, w.loop, text, n_recipients);
    w.t->send(w.ch, &w.letter.letter, on_end, NULL);
    loop_run(w.loop);
    fake_letter_done(&w.letter);
}

// Undoes the stuffing as the intake does.
static bool is_stuffed_form_of(struct slice got, struct slice text) {
    struct dot_decoder d = {0};
    while (got.len > 0) {
        struct slice out;
        size_t n;
        if (dot_decode(&d, got, &out, &n) == DOT_END || !slice_starts_with(text, out))
            return false;
        text = slice_sub(text, out.len, text.len);
        got = slice_sub(got, n, got.len);
    }
    return text.len == 0 && !d.bad;
}

static void test_messages(void **state) {
    static const size_t sizes[] = {8, 104, 57344, 65536, 65544, 1000008, 3000000}; // whole lines
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *text = mem_alloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = ".a.b.c\r\n"[k % 8];
        w.intake.is_slow = i % 2 == 1;
        send_text(slice_make(text, sizes[i]), 2);
        if (w.end.result != TRANSPORT_ANSWERED)
            fail_msg("%zu octets: %s", sizes[i], w.end.why.text);
        assert_string_equal(w.letter.replies[1].text, "250 OK (HTTPS)");
        assert_string_equal(w.intake.from, "a@a.example");
        assert_true(slice_eq(buf_slice(&w.intake.rcpts), SLICE("r0@b.example r1@b.example ")));
        if (!is_stuffed_form_of(buf_slice(&w.intake.message), slice_make(text, sizes[i])))
            fail_msg("%zu octets: another message", sizes[i]);
        free(text);
    }
}

static void test_refusals(void **state) {
    static const struct {
        const char *reply, *want;
    } cases[] = {
        {"523 Encryption Needed: Invalid Unencrypted Mail", "451 HTTP error: 400 523"},
        {"451 4.7.5 DNS", "451 HTTP error: 503 451 4.7.5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        w.intake.reply = cases[i].reply;
        send_text(SLICE("x\r\n"), 1);
        assert_int_equal(w.end.result, TRANSPORT_BROKEN);
        assert_string_equal(w.end.why.text, cases[i].want);
    }
}

// More than the peer takes: it says so before it has all of it.
static void test_too_large(void **state) {
    size_t len = 6000000;
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    send_text(slice_make(text, len), 1);
    assert_string_equal(w.end.why.text, "451 HTTP error: 413 552");
    assert_int_equal(w.intake.n_made, 0);
    free(text);
}

// Who has its share of the places waits; somebody else's share is no concern of it.
static void test_share_of_a_client(void **state) {
    struct net_address us, other;
    enum conn_admission admission;
    assert_true(net_address_parse(SLICE("127.0.0.1"), &us) && net_address_parse(SLICE("192.0.2.1"), &other));
    w.mxdeliv.limits = conn_limits_new(10, 1);
    assert_true(conn_limits_enter(w.mxdeliv.limits, &other, &admission));
    send_text(SLICE("x\r\n"), 1);
    assert_int_equal(w.end.result, TRANSPORT_ANSWERED);
    assert_true(conn_limits_enter(w.mxdeliv.limits, &us, &admission));
    send_text(SLICE("x\r\n"), 1);
    assert_string_equal(w.end.why.text, "451 HTTP error: 503 421 4.7.0");
    conn_limits_leave(w.mxdeliv.limits, &us);
    send_text(SLICE("x\r\n"), 1);
    assert_int_equal(w.end.result, TRANSPORT_ANSWERED);
    conn_limits_leave(w.mxdeliv.limits, &other);
    conn_limits_free(w.mxdeliv.limits);
}

// Letter after letter on one connection.
static void test_one_connection(void **state) {
    for (int i = 0; i < 100; i++) {
        send_text(SLICE("x\r\n"), 1);
        assert_int_equal(w.end.result, TRANSPORT_ANSWERED);
    }
    send_text(SLICE("x\r\n"), 200);
    assert_int_equal(w.end.result, TRANSPORT_ANSWERED);
    assert_int_equal(w.intake.n_finished, 103);
    assert_int_equal(conn_count(), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {T(test_messages), T(test_refusals), T(test_too_large), T(test_share_of_a_client),
                                       T(test_one_connection)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
