// SPDX-License-Identifier: MIT
// Dialect B over real TLS: the key that a client proves in its request, by keying material of the connection, spares it
// the challenge; on any other connection the same words prove nothing.
#include <openssl/ssl.h>
#include <setjmp.h>
#include <sodium/crypto_sign_ed25519.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account/base64url.h"
#include "base/mem.h"
#include "http/web/test_site.h"
#include "iroh/handshake.h"
#include "iroh/iroh.h"
#include "net/conn_fixture.h"

enum {
    TICKET_LEN = IROH_KEY_LEN + 1 + IROH_SIGNATURE_LEN + IROH_MATERIAL_HALF,
    PIECE_LEN = 48, // without a remainder in base64
    ANSWER_SIZE = 1024,
};

static struct world {
    struct server net; // its script is not used
    struct test_site site;
    struct iroh_relay *relay;
} w;

static int set_up(void **state) {
    memset(&w, 0, sizeof(w));
    server_start(&w.net, &(struct service){.tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = 5000},
                 &(struct tls_settings){.allow_tls12 = true});
    test_site_start(&w.site, NULL, NULL);
    w.relay = iroh_relay_new(&(struct iroh_settings){
        .loops = &w.net.loop,
        .n_loops = 1,
        .limits = {.is_on = true, .max_connections = 10, .connections_per_address = 10},
    });
    iroh_relay_add_routes(w.relay, w.site.web);
    listener_free(w.net.listener);
    w.net.svc.ops = &http_session_ops;
    w.net.svc.on_open = http_session_open;
    w.net.svc.arg = &w.site.https;
    w.net.listener = listener_new(w.net.fd, w.net.loop, &w.net.loop, 1, &w.net.svc);
    return 0;
}

static int tear_down(void **state) {
    assert_true(server_until_empty(&w.net, 2000));
    server_stop(&w.net);
    iroh_relay_free(w.relay);
    test_site_stop(&w.site);
    return 0;
}

static void make_ticket(SSL *ssl, char ret_text[BASE64URL_LEN(TICKET_LEN) + 1]) {
    static const char LABEL[] = IROH_B_EXPORT_LABEL;
    uint8_t ticket[TICKET_LEN], secret[64], seed[32] = {1}, material[IROH_MATERIAL_LEN];
    assert_int_equal(crypto_sign_ed25519_seed_keypair(ticket, secret, seed), 0);
    assert_int_equal(
        SSL_export_keying_material(ssl, material, sizeof(material), LABEL, sizeof(LABEL) - 1, ticket, IROH_KEY_LEN, 1),
        1);
    ticket[IROH_KEY_LEN] = IROH_SIGNATURE_LEN;
    uint8_t *signature = ticket + IROH_KEY_LEN + 1;
    assert_int_equal(crypto_sign_ed25519_detached(signature, NULL, material, IROH_MATERIAL_HALF, secret), 0);
    memcpy(signature + IROH_SIGNATURE_LEN, material + IROH_MATERIAL_HALF, IROH_MATERIAL_HALF);
    for (size_t at = 0; at < TICKET_LEN; at += PIECE_LEN) {
        size_t n = TICKET_LEN - at < PIECE_LEN ? TICKET_LEN - at : PIECE_LEN;
        base64url_encode(ticket + at, n, ret_text);
        ret_text += BASE64URL_LEN(n);
    }
}

// Asks with this ticket, and expects these octets behind the head of the answer.
static void ask(struct client *c, const char *ticket, struct slice want) {
    char text[ANSWER_SIZE];
    int len = snprintf(text, sizeof(text),
                       "GET /relay HTTP/1.1\r\nHost: a.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                       "sec-websocket-protocol: iroh-relay-v2\r\nx-iroh-relay-client-auth-v1: %s\r\n\r\n",
                       ticket);
    assert_int_equal(client_send(c, text, (size_t)len), CLIENT_OK);
    size_t got = 0;
    while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
        assert_true(got < sizeof(text));
        assert_int_equal(client_read(c, text + got, 1), CLIENT_OK);
        got++;
    }
    assert_memory_equal(text, "HTTP/1.1 101", 12);
    assert_int_equal(client_read(c, text, want.len), CLIENT_OK);
    assert_memory_equal(text, want.ptr, want.len);
}

static const struct slice CONFIRMED = SLICE("\x82\x01\x02"), CHALLENGED = SLICE("\x82\x11\x00");

static void connect_tls(struct client *c, int version) {
    client_connect(c, &w.net, 0);
    assert_int_equal(client_handshake(c, NULL, version), CLIENT_OK);
}

static void test_proved(void **state) {
    static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(VERSIONS); i++) {
        struct client c;
        char ticket[BASE64URL_LEN(TICKET_LEN) + 1];
        connect_tls(&c, VERSIONS[i]);
        make_ticket(c.ssl, ticket);
        ask(&c, ticket, CONFIRMED);
        assert_int_equal(client_send(&c,
                                     "\x82\x89\0\0\0\0\x09"
                                     "12345678",
                                     15),
                         CLIENT_OK);
        client_expect(&c, "\x82\x09\x0a"
                          "12345678");
        client_close(&c);
    }
}

static void test_of_another_connection(void **state) {
    struct client a, b;
    char ticket[BASE64URL_LEN(TICKET_LEN) + 1];
    connect_tls(&a, 0);
    connect_tls(&b, 0);
    make_ticket(a.ssl, ticket);
    ask(&b, ticket, CHALLENGED);
    client_close(&a);
    client_close(&b);
}

static void test_malformed(void **state) {
    struct client c;
    connect_tls(&c, 0);
    ask(&c, "AAAA", CHALLENGED);
    client_close(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {T(test_proved), T(test_of_another_connection), T(test_malformed)};
    return cmocka_run_group_tests_name("iroh_ticket", tests, NULL, NULL);
}
