// SPDX-License-Identifier: MIT
// Our client against our server in the relay role, over loopback and TLS: what two of us say to each other.
#include <arpa/inet.h>
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
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "net/tls.h"
#include "smtp/client/peer.h"
#include "smtp/server/dialogue.h"

enum { PATIENCE_MS = 60 * 1000 };

struct world {
    struct dialogue d; // its server, store and loop; its own connection stays unused
    struct cert *cert;
    struct tls_context *tls;
    int fd;
    struct listener *listener;
    struct tls_client_context *roots;
    struct smtp_client *client;
    const struct transport *transport;
    struct transport_host host;
    struct transport_channel *ch;
};

static int listen_on_loopback(uint16_t *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void open_server(struct world *w) {
    char setting[64];
    const char *error;
    uint16_t port;
    w->fd = listen_on_loopback(&port);
    (void)snprintf(setting, sizeof(setting), "outbound_smtp_port=%u", port);
    dialogue_open_relay(&w->d, true, (const char *const[]){setting, NULL});
    w->cert = cert_fixture_new(&(struct cert_spec){.name = "relay.test"});
    w->tls = tls_context_new(&(struct tls_settings){.cert_pem = slice_from_cstr(w->cert->pem),
                                                    .key_pem = slice_from_cstr(w->cert->key_pem),
                                                    .allow_tls12 = true,
                                                    .tickets = true},
                             &error);
    assert_non_null(w->tls);
    w->d.server.tls = w->tls;
    const struct service svc = {.name = "smtp",
                                .tls = w->tls,
                                .handshake_timeout_ms = PATIENCE_MS,
                                .ops = &smtp_session_ops,
                                .on_open = smtp_session_open,
                                .arg = &w->d.server};
    w->listener = listener_new(w->fd, w->d.loop, &w->d.loop, 1, &svc);
}

static void open_world(struct world *w) {
    const char *error;
    *w = (struct world){0};
    open_server(w);
    w->roots = tls_client_context_new(&(struct tls_client_settings){0}, &error);
    assert_non_null(w->roots);
    w->client =
        smtp_client_new(&(struct smtp_client_settings){.config = w->d.config, .loop = w->d.loop, .tls = w->roots});
    w->transport = smtp_client_transport(w->client);
    w->host = (struct transport_host){.name = "relay.test", .destination = "relay.test", .n_addresses = 1};
    assert_true(net_address_parse(SLICE("127.0.0.1"), &w->host.addresses[0]));
    w->ch = w->transport->open(w->transport->arg, &w->host);
}

static void close_world(struct world *w) {
    w->transport->close(w->ch);
    loop_run_ready(w->d.loop);
    listener_stop(w->listener);
    listener_free(w->listener);
    conn_shutdown_all(w->d.loop);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; conn_count() > 0 && clock_mono_ms() < end;) {
        loop_run_ready(w->d.loop);
        (void)usleep(1000);
    }
    smtp_client_free(w->client);
    dialogue_close(&w->d);
    tls_client_context_free(w->roots);
    tls_context_free(w->tls);
    cert_fixture_free(w->cert);
    (void)close(w->fd);
}

static void send_letter(struct world *w, struct letter *l) {
    l->l.reverse_path = SLICE("alice@[192.0.2.9]");
    w->transport->send(w->ch, &l->l, letter_on_end, l);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; !l->is_done && clock_mono_ms() < end;)
        loop_run_ready(w->d.loop);
}

// The encrypted message of the dialogues, from alice@[192.0.2.9]; `more` stands at the end of its header. Freed by the
// caller.
static char *message(const char *more) {
    const char *rest = strstr(dialogue_message, "\r\n");
    struct buf b;
    buf_init(&b, 1024 * 1024);
    assert_true(buf_printf(&b, "From: <alice@[192.0.2.9]>\r\nX-Test: %s%s", more, rest));
    char *copy = slice_dup(buf_slice(&b));
    buf_done(&b);
    return copy;
}

static void assert_end(const struct letter *l, const char *want) {
    char got[4096];
    letter_describe(l, got, sizeof(got));
    assert_string_equal(got, want);
}

static void test_exchange(void **state) {
    (void)state;
    static const struct {
        const char *to[3], *want;
        size_t n_delivered;
    } rows[] = {
        {{"bob@relay.test"}, "ANSWERED 250 OK", 1},
        {{"bob@relay.test", "x@other.example", "carol@relay.test"},
         "ANSWERED 250 OK|554 5.7.1 <x@other.example>: Relay access denied|250 OK",
         3},
        {{"x@other.example"}, "ANSWERED 554 5.7.1 <x@other.example>: Relay access denied", 3},
        {{"nobody@relay.test"}, "ANSWERED 550 5.1.1 <nobody@relay.test> User doesn't exist: nobody@relay.test", 3},
        {{"full@relay.test"}, "ANSWERED 552 5.2.2 <full@relay.test> Quota exceeded (mailbox for user is full)", 3},
        {{"b\xc3\xb6"
          "b@relay.test"},
         "ANSWERED 250 OK",
         4},
        {{"dave@relay.test"}, "ANSWERED 250 OK", 5},
    };
    struct world w;
    open_world(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { // all on one connection
        struct letter l;
        char number[8];
        (void)snprintf(number, sizeof(number), "%zu", i);
        char *text = message(number);
        size_t n = 0;
        while (n < ARRAY_LEN(rows[i].to) && rows[i].to[n] != NULL)
            n++;
        letter_init(&l, w.d.loop, text, 0, n);
        for (size_t k = 0; k < n; k++)
            l.recipients[k] = slice_from_cstr(rows[i].to[k]);
        send_letter(&w, &l);
        assert_end(&l, rows[i].want);
        assert_int_equal(w.d.store.n_delivered, rows[i].n_delivered);
        letter_done(&l);
        free(text);
    }
    assert_non_null(strstr(w.d.store.last->text, "-----BEGIN PGP MESSAGE-----\r\n\r\nwQ0AAQIDBAUGBwg"));
    close_world(&w);
}

static void test_clear_text_is_refused(void **state) {
    (void)state;
    struct world w;
    struct letter l;
    open_world(&w);
    letter_init(&l, w.d.loop, "From: <alice@[192.0.2.9]>\r\n\r\n.hello\r\n", 0, 1);
    l.recipients[0] = SLICE("bob@relay.test");
    send_letter(&w, &l);
    assert_end(&l, "ANSWERED 523 Encryption Needed: Invalid Unencrypted Mail");
    letter_done(&l);
    close_world(&w);
}

// In chunks and by DATA, with lines of dots: both sides stay in step, and the next message is taken.
static void test_sizes(void **state) {
    (void)state;
    static const uint64_t sizes[] = {1000, 200 * 1024, 300 * 1024, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        static const char head[] = "From: <alice@[192.0.2.9]>\r\n\r\n.\r\n..\r\n.x\r\n";
        struct world w;
        struct letter l;
        open_world(&w);
        letter_init(&l, w.d.loop, head, sizes[i], 1);
        l.recipients[0] = SLICE("bob@relay.test");
        send_letter(&w, &l);
        assert_end(&l, "ANSWERED 523 Encryption Needed: Invalid Unencrypted Mail");
        assert_int_equal(l.at, sizes[i]);
        letter_done(&l);
        char *text = message("next");
        letter_init(&l, w.d.loop, text, 0, 1);
        l.recipients[0] = SLICE("bob@relay.test");
        send_letter(&w, &l);
        assert_end(&l, "ANSWERED 250 OK");
        assert_string_equal(strstr(w.d.store.last->text, "\r\n\r\n"), strstr(text, "\r\n\r\n"));
        letter_done(&l);
        free(text);
        close_world(&w);
    }
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_time(void **state) {
    (void)state;
    uint64_t us[200];
    struct world w;
    open_world(&w);
    for (size_t i = 0; i < ARRAY_LEN(us); i++) {
        struct letter l;
        char number[8];
        (void)snprintf(number, sizeof(number), "%zu", i);
        char *text = message(number);
        letter_init(&l, w.d.loop, text, 0, 1);
        l.recipients[0] = SLICE("bob@relay.test");
        uint64_t begin = clock_mono_us();
        send_letter(&w, &l);
        us[i] = clock_mono_us() - begin;
        assert_end(&l, "ANSWERED 250 OK");
        letter_done(&l);
        free(text);
    }
    print_message("# first letter %llu us", (unsigned long long)us[0]);
    qsort(us, ARRAY_LEN(us), sizeof(us[0]), compare);
    print_message(", then p50 %llu us\n", (unsigned long long)us[ARRAY_LEN(us) / 2]);
    close_world(&w);
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_clear_text_is_refused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
