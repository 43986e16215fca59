// SPDX-License-Identifier: MIT
// TLS: certificates, versions, ALPN, STARTTLS, handshakes that do not end, replacing the certificate.
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_fixture.h"
#include "net/tls_fixture.h"

static const struct service PLAIN = {.tls_mode = LISTENER_PLAIN, .handshake_timeout_ms = 5000};
static const struct service IMPLICIT = {.tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = 5000};
static const struct service HASTY_PLAIN = {.tls_mode = LISTENER_PLAIN, .handshake_timeout_ms = 80};
static const struct service HASTY_IMPLICIT = {.tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = 80};

static const char *error_of(struct slice cert, struct slice key) {
    struct tls_settings s = {.cert_pem = cert, .key_pem = key};
    const char *error = NULL;
    struct tls_context *ctx = tls_context_new(&s, &error);
    tls_context_free(ctx);
    return ctx == NULL ? error : "";
}

static void expect_error(struct slice cert, struct slice key, const char *part) {
    const char *got = error_of(cert, key);
    if (part[0] == '\0' ? got[0] != '\0' : strstr(got, part) == NULL)
        fail_msg("got \"%s\" want \"%s\"", got, part);
}

static void test_bad_certificates(void **state) {
    struct slice cert, key, other_cert, other_key;
    tls_fixture_make("old.example", -7200, -3600, &cert, &key);
    expect_error(cert, key, ""); // expired: a relay must start all the same
    tls_fixture_make("a.example", -60, 3600, &cert, &key);
    char *a_cert = slice_dup(cert), *a_key = slice_dup(key);
    tls_fixture_make("b.example", -60, 3600, &other_cert, &other_key);
    cert = slice_from_cstr(a_cert);
    key = slice_from_cstr(a_key);
    expect_error(cert, key, "");
    expect_error(cert, other_key, "does not match");
    expect_error(SLICE("nonsense"), key, "no readable PEM certificate");
    expect_error(SLICE_EMPTY, key, "no readable PEM certificate");
    expect_error(key, key, "no readable PEM certificate");
    expect_error(slice_sub(cert, 0, cert.len / 2), key, "no readable PEM certificate");
    expect_error(cert, SLICE("nonsense"), "no readable PEM private key");
    expect_error(cert, cert, "no readable PEM private key");
    char chain[8192];
    int n = snprintf(chain, sizeof(chain), "%s%.*s", a_cert, SLICE_FMT(other_cert));
    expect_error(slice_make(chain, (size_t)n), key, "");
    expect_error(slice_make(chain, (size_t)n - 40), key, "damaged");
    free(a_cert);
    free(a_key);
}

// A handshake with an empty wire; returns how it ended.
static enum client_result shake(struct tls_settings *settings, const char *alpn, int max_version,
                                const char *want_alpn) {
    struct server s;
    struct client c;
    server_start(&s, &IMPLICIT, settings);
    client_connect(&c, &s, 0);
    enum client_result result = client_handshake(&c, alpn, max_version);
    if (result == CLIENT_OK) {
        client_send_text(&c, "x\n");
        client_expect(&c, "x\n");
        assert_true(conn_is_tls(s.script.c));
        struct slice got = conn_alpn(s.script.c);
        if (!slice_eq(got, slice_from_cstr(want_alpn)))
            fail_msg("ALPN: got \"%.*s\" want \"%s\"", SLICE_FMT(got), want_alpn);
    }
    client_close(&c);
    assert_true(server_until_empty(&s, PATIENCE_MS));
    server_stop(&s);
    return result;
}

static void test_versions(void **state) {
    assert_int_equal(shake(NULL, NULL, TLS1_3_VERSION, ""), CLIENT_OK);
    assert_int_equal(shake(NULL, NULL, TLS1_2_VERSION, ""), CLIENT_RESET);
    struct tls_settings old = {.allow_tls12 = true};
    assert_int_equal(shake(&old, NULL, TLS1_3_VERSION, ""), CLIENT_OK);
    assert_int_equal(shake(&old, NULL, TLS1_2_VERSION, ""), CLIENT_OK);
    assert_int_equal(shake(&old, NULL, TLS1_1_VERSION, ""), CLIENT_RESET);
    struct tls_settings tickets = {.allow_tls12 = true, .tickets = true};
    assert_int_equal(shake(&tickets, NULL, TLS1_3_VERSION, ""), CLIENT_OK);
    assert_int_equal(shake(&tickets, NULL, TLS1_2_VERSION, ""), CLIENT_OK);
}

static void test_alpn(void **state) {
    static const char *const OURS[] = {"imap", "http/1.1", NULL};
    struct tls_settings s = {.alpn = OURS};
    assert_int_equal(shake(&s, "\4imap", 0, "imap"), CLIENT_OK);
    assert_int_equal(shake(&s, "\2h2\10http/1.1\4imap", 0, "imap"), CLIENT_OK); // in the order of our preference
    assert_int_equal(shake(&s, NULL, 0, ""), CLIENT_OK);
    assert_int_equal(shake(&s, "\4smtp", 0, ""), CLIENT_RESET);
    assert_int_equal(shake(NULL, "\4smtp", 0, ""), CLIENT_OK); // a service that names none does not care
}

// One port for every protocol: the client's offer decides.
static void test_alpn_of_a_front_door(void **state) {
    static const char *const OURS[] = {"smtp", "imap", "http/1.1", NULL}, *const NEW[] = {"smtp", "imap", NULL};
    struct tls_settings s = {
        .allow_tls12 = true, .tickets = true, .alpn = OURS, .alpn_optional = true, .alpn_tls13 = NEW};
    static const struct {
        const char *offered, *want;
        enum client_result with_tls12;
    } cases[] = {
        {NULL, "", CLIENT_OK},
        {"\10http/1.1", "http/1.1", CLIENT_OK},
        {"\2h2\10http/1.1", "http/1.1", CLIENT_OK},
        {"\2h2", "", CLIENT_OK},
        {"\2h3\11gopher/99", "", CLIENT_OK},
        {"\4imap", "imap", CLIENT_RESET},
        {"\4smtp", "smtp", CLIENT_RESET},
        {"\10http/1.1\4imap\4smtp", "smtp", CLIENT_RESET},
        {"\10http/1.1\4imap", "imap", CLIENT_RESET},
        {"\4IMAP", "", CLIENT_OK}, // names are octets (RFC 7301 section 3.1)
        {"\5imap4\2sm", "", CLIENT_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(shake(&s, cases[i].offered, TLS1_3_VERSION, cases[i].want), CLIENT_OK);
        assert_int_equal(shake(&s, cases[i].offered, TLS1_2_VERSION, cases[i].want), cases[i].with_tls12);
    }
}

static void until_cut_off(struct server *s, struct client *c) {
    uint64_t start = clock_mono_ms();
    size_t len;
    assert_int_not_equal(client_read_to_end(c, &len), CLIENT_STUCK);
    assert_in_range(clock_mono_ms() - start, 0, 4000);
    assert_int_equal(conn_count(), 0);
    client_close(c);
    server_stop(s);
}

static void test_handshake_that_never_ends(void **state) {
    static const char *const SENT[] = {"", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"};
    for (size_t i = 0; i < ARRAY_LEN(SENT); i++) {
        struct server s;
        struct client c;
        server_start(&s, &HASTY_IMPLICIT, NULL);
        client_connect(&c, &s, 0);
        assert_int_equal(client_send_text(&c, SENT[i]), CLIENT_OK);
        until_cut_off(&s, &c);
        assert_int_equal(s.opened, 0);
    }
}

static void test_handshake_reset_or_nonsense(void **state) {
    for (int i = 0; i < 3; i++) {
        struct server s;
        struct client c;
        server_start(&s, &IMPLICIT, NULL);
        client_connect(&c, &s, 0);
        if (i > 0)
            assert_int_equal(client_send_text(&c, i == 1 ? "GET / HTTP/1.0\r\n\r\n" : "\x16\x03\x01\x02"), CLIENT_OK);
        client_reset(&c);
        assert_true(server_until_empty(&s, PATIENCE_MS));
        assert_int_equal(s.opened, 0);
        server_stop(&s);
    }
}

static void test_starttls(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &PLAIN, NULL);
    client_connect(&c, &s, 0);
    client_send_text(&c, "hello\ntls\ninjected\nhalf");
    client_expect(&c, "hello\ntls\n");
    conn_write_cstr(s.script.c, "held until it is secret\n");
    assert_false(conn_is_tls(s.script.c));
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    client_expect(&c, "held until it is secret\n");
    assert_true(conn_is_tls(s.script.c));
    assert_int_equal(s.script.tls_done, 1);
    client_send_text(&c, "after\n");
    client_expect(&c, "after\n");
    assert_int_equal(s.script.lines, 3);
    client_close(&c);
    server_stop(&s);
}

static void test_starttls_injected_in_a_later_packet(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &PLAIN, NULL);
    client_connect(&c, &s, 0);
    client_send_text(&c, "tls\n");
    server_until_lines(&s, 1);
    client_send_text(&c, "injected\n");
    assert_true(server_until_closed(&s, PATIENCE_MS));
    assert_int_equal(s.script.why, CONN_END_ERROR);
    assert_int_equal(s.script.lines, 1);
    client_close(&c);
    server_stop(&s);
}

static void test_starttls_never_ends(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &HASTY_PLAIN, NULL);
    client_connect(&c, &s, 0);
    client_send_text(&c, "tls\n");
    client_expect(&c, "tls\n");
    until_cut_off(&s, &c);
    assert_int_equal(s.script.why, CONN_END_TIMEOUT);
    assert_int_equal(s.script.timeouts, 0);
}

// A large reply is still on its way when TLS is to begin.
static void test_starttls_behind_much_output(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &PLAIN, NULL);
    client_connect(&c, &s, 8192);
    client_send_text(&c, "big\n");
    server_until_lines(&s, 1);
    conn_start_tls(s.script.c, s.tls);
    conn_write_cstr(s.script.c, "secret\n");
    char *got = mem_alloc(4 + SCRIPT_BIG);
    assert_int_equal(client_read(&c, got, 4 + SCRIPT_BIG), CLIENT_OK);
    free(got);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    client_expect(&c, "secret\n");
    client_close(&c);
    server_stop(&s);
}

static void test_close_during_handshake(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &PLAIN, NULL);
    client_connect(&c, &s, 0);
    client_send_text(&c, "tls\n");
    client_expect(&c, "tls\n");
    conn_write_cstr(s.script.c, "never in clear");
    conn_close(s.script.c);
    size_t len;
    assert_int_equal(client_read_to_end(&c, &len), CLIENT_EOF);
    assert_int_equal(len, 0);
    assert_int_equal(s.script.closes, 1);
    client_close(&c);
    server_stop(&s);

    server_start(&s, &IMPLICIT, NULL);
    client_connect(&c, &s, 0);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; conn_count() == 0 && clock_mono_ms() < end;)
        server_step(&s, true);
    assert_int_equal(conn_count(), 1);
    conn_shutdown_all(s.loop);
    assert_true(server_until_empty(&s, PATIENCE_MS));
    client_close(&c);
    server_stop(&s);
}

// A record that arrives in pieces must not keep the loop awake: server_step() returns only when nothing is ready.
static void test_record_in_pieces(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &IMPLICIT, NULL);
    client_connect(&c, &s, 0);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    BIO *wire = BIO_new(BIO_s_mem());
    SSL_set0_wbio(c.ssl, wire);
    assert_int_equal(SSL_write(c.ssl, "in pieces\n", 10), 10);
    char *record;
    long len = BIO_get_mem_data(wire, &record);
    for (long i = 0; i < len; i++) {
        assert_int_equal(s.script.lines, 0);
        assert_int_equal(send(c.fd, record + i, 1, 0), 1);
        server_step(&s, true);
    }
    server_until_lines(&s, 1);
    client_expect(&c, "in pieces\n");
    client_close(&c);
    server_stop(&s);
}

static void test_key_update(void **state) {
    struct server s;
    struct client c;
    server_start(&s, &IMPLICIT, NULL);
    client_connect(&c, &s, 0);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        client_send_text(&c, "renewed\n");
        client_expect(&c, "renewed\n");
    }
    client_close(&c);
    server_stop(&s);
}

// Both ends compute the same keying material, other for each label, context and connection; in clear text there is
// none.
static void test_export(void **state) {
    static const char LABEL[] = "EXPORTER-martlet";
    static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_settings settings = {.allow_tls12 = true};
    unsigned char ours[32], theirs[32], other[32], before[32] = {0};
    for (size_t i = 0; i < ARRAY_LEN(VERSIONS); i++) {
        struct server s;
        struct client c;
        server_start(&s, &IMPLICIT, &settings);
        client_connect(&c, &s, 0);
        assert_int_equal(client_handshake(&c, NULL, VERSIONS[i]), CLIENT_OK);
        client_send_text(&c, "x\n");
        client_expect(&c, "x\n");
        assert_true(conn_tls_export(s.script.c, LABEL, SLICE("key"), ours, sizeof(ours)));
        assert_int_equal(SSL_export_keying_material(c.ssl, theirs, sizeof(theirs), LABEL, strlen(LABEL),
                                                    (const unsigned char *)"key", 3, 1),
                         1);
        assert_memory_equal(ours, theirs, sizeof(ours));
        assert_true(conn_tls_export(s.script.c, LABEL, SLICE("kez"), other, sizeof(other)));
        assert_memory_not_equal(ours, other, sizeof(ours));
        assert_true(conn_tls_export(s.script.c, "EXPORTER-other", SLICE("key"), other, sizeof(other)));
        assert_memory_not_equal(ours, other, sizeof(ours));
        assert_memory_not_equal(ours, before, sizeof(ours));
        memcpy(before, ours, sizeof(before));
        client_close(&c);
        assert_true(server_until_empty(&s, PATIENCE_MS));
        server_stop(&s);
    }
    struct server s;
    struct client c;
    server_start(&s, &PLAIN, NULL);
    client_connect(&c, &s, 0);
    client_send_text(&c, "x\n");
    client_expect(&c, "x\n");
    assert_false(conn_tls_export(s.script.c, LABEL, SLICE("key"), other, sizeof(other)));
    client_close(&c);
    assert_true(server_until_empty(&s, PATIENCE_MS));
    server_stop(&s);
}

static void expect_name(struct client *c, const char *want) {
    X509 *cert = SSL_get1_peer_certificate(c->ssl);
    assert_non_null(cert);
    char got[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, got, sizeof(got));
    X509_free(cert);
    assert_string_equal(got, want);
}

// Each costs us more than the peer, and OpenSSL would take them within one read for as long as they come, with the loop
// standing still.
static void test_key_update_flood(void **state) {
    enum { UPDATES = 1000 };
    struct server s;
    struct client c;
    server_start(&s, &IMPLICIT, NULL);
    client_connect(&c, &s, 0);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    for (int i = 0; i < UPDATES; i++) {
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(c.ssl), 1);
    }
    size_t len;
    (void)client_try_write(&c, "still there?\n", 13, &len);
    assert_true(server_until_closed(&s, PATIENCE_MS));
    client_close(&c);
    server_stop(&s);
}

// What encrypts the client's records under AES-128-GCM (RFC 5246 section 6.3, RFC 5288).
static void tls12_client_key(SSL *ssl, unsigned char ret_key[16], unsigned char ret_salt[4]) {
    unsigned char master[48], randoms[64], block[40];
    size_t len = sizeof(block);
    assert_non_null(strstr(SSL_get_cipher_name(ssl), "AES128-GCM-SHA256"));
    assert_int_equal(SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master)), sizeof(master));
    (void)SSL_get_server_random(ssl, randoms, 32);
    (void)SSL_get_client_random(ssl, randoms + 32, 32);
    EVP_PKEY_CTX *prf = EVP_PKEY_CTX_new_id(EVP_PKEY_TLS1_PRF, NULL);
    assert_true(prf != NULL && EVP_PKEY_derive_init(prf) == 1 && EVP_PKEY_CTX_set_tls1_prf_md(prf, EVP_sha256()) == 1);
    assert_int_equal(EVP_PKEY_CTX_set1_tls1_prf_secret(prf, master, sizeof(master)), 1);
    assert_int_equal(EVP_PKEY_CTX_add1_tls1_prf_seed(prf, (const unsigned char *)"key expansion", 13), 1);
    assert_int_equal(EVP_PKEY_CTX_add1_tls1_prf_seed(prf, randoms, sizeof(randoms)), 1);
    assert_int_equal(EVP_PKEY_derive(prf, block, &len), 1);
    EVP_PKEY_CTX_free(prf);
    memcpy(ret_key, block, 16);
    memcpy(ret_salt, block + 32, 4);
}

enum { TLS12_HELLO_LEN = 5 + 8 + 4 + 16 };

// An empty ClientHello as the client's record of this number.
static void tls12_hello(const unsigned char key[16], const unsigned char salt[4], uint8_t number,
                        unsigned char ret[TLS12_HELLO_LEN]) {
    static const unsigned char hello[4] = {SSL3_MT_CLIENT_HELLO};
    unsigned char head[5] = {SSL3_RT_HANDSHAKE, 3, 3, 0, TLS12_HELLO_LEN - 5};
    unsigned char nonce[12] = {0}, extra[13] = {[7] = number, SSL3_RT_HANDSHAKE, 3, 3, 0, sizeof(hello)};
    int n;
    memcpy(nonce, salt, 4);
    nonce[11] = number;
    memcpy(ret, head, sizeof(head));
    memcpy(ret + 5, nonce + 4, 8);
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(aes, EVP_aes_128_gcm(), NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(aes, NULL, &n, extra, sizeof(extra)), 1);
    assert_int_equal(EVP_EncryptUpdate(aes, ret + 13, &n, hello, sizeof(hello)), 1);
    assert_int_equal(EVP_EncryptFinal_ex(aes, ret + 17, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_GCM_GET_TAG, 16, ret + 17), 1);
    EVP_CIPHER_CTX_free(aes);
}

// The same in TLS 1.2: asking for another handshake, which each time is answered with a warning, within one read.
static void test_renegotiation_flood(void **state) {
    enum { HELLOS = 200 };
    struct tls_settings settings = {.allow_tls12 = true};
    struct server s;
    struct client c;
    unsigned char key[16], salt[4], octets[HELLOS * TLS12_HELLO_LEN];
    server_start(&s, &IMPLICIT, &settings);
    client_connect(&c, &s, 0);
    assert_int_equal(client_handshake(&c, NULL, TLS1_2_VERSION), CLIENT_OK);
    tls12_client_key(c.ssl, key, salt);
    for (size_t i = 0; i < HELLOS; i++) // number 0 was the end of the handshake
        tls12_hello(key, salt, (uint8_t)(1 + i), octets + i * TLS12_HELLO_LEN);
    assert_int_equal(send(c.fd, octets, sizeof(octets), MSG_NOSIGNAL), sizeof(octets));
    assert_true(server_until_closed(&s, PATIENCE_MS));
    client_close(&c);
    server_stop(&s);
}

static void test_replaced_certificate(void **state) {
    struct server s;
    struct client before, after;
    server_start(&s, &IMPLICIT, NULL);
    client_connect(&before, &s, 0);
    assert_int_equal(client_handshake(&before, NULL, 0), CLIENT_OK);
    expect_name(&before, "localhost");
    client_send_text(&before, "one\n");
    client_expect(&before, "one\n");
    struct script first = s.script;

    struct tls_settings next = {0};
    const char *error = NULL;
    assert_false(tls_context_replace(s.tls, &next, &error));
    assert_non_null(error);
    tls_fixture_make("renewed", -60, 3600, &next.cert_pem, &next.key_pem);
    assert_true(tls_context_replace(s.tls, &next, &error));
    client_send_text(&before, "two\n");
    client_expect(&before, "two\n");
    conn_close(first.c);
    server_until_closed(&s, PATIENCE_MS);
    client_close(&before);
    assert_true(server_until_empty(&s, PATIENCE_MS));

    client_connect(&after, &s, 0);
    assert_int_equal(client_handshake(&after, NULL, 0), CLIENT_OK);
    expect_name(&after, "renewed");
    client_close(&after);
    server_stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_certificates),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_alpn_of_a_front_door),
        cmocka_unit_test(test_handshake_that_never_ends),
        cmocka_unit_test(test_handshake_reset_or_nonsense),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_starttls_injected_in_a_later_packet),
        cmocka_unit_test(test_starttls_never_ends),
        cmocka_unit_test(test_starttls_behind_much_output),
        cmocka_unit_test(test_close_during_handshake),
        cmocka_unit_test(test_record_in_pieces),
        cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_key_update_flood),
        cmocka_unit_test(test_renegotiation_flood),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_replaced_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
