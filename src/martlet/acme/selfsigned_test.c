// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/clock.h"
#include "martlet/acme/selfsigned.h"

static X509 *make(struct slice domain, bool with_loopback, EVP_PKEY **ret_key) {
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, 16384);
    buf_init(&key_pem, 16384);
    assert_true(selfsigned_make(domain, with_loopback, &cert_pem, &key_pem));
    BIO *bio = BIO_new_mem_buf(buf_slice(&cert_pem).ptr, (int)cert_pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(cert);
    BIO_free(bio);
    bio = BIO_new_mem_buf(buf_slice(&key_pem).ptr, (int)key_pem.len);
    *ret_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(*ret_key);
    BIO_free(bio);
    buf_done(&cert_pem);
    buf_done(&key_pem);
    return cert;
}

static void check_host(X509 *cert, const char *host, int want) {
    int got = X509_check_host(cert, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
    if (got != want)
        fail_msg("%s: got %d, want %d", host, got, want);
}

static void check_ip(X509 *cert, const char *ip, int want) {
    int got = X509_check_ip_asc(cert, ip, 0);
    if (got != want)
        fail_msg("%s: got %d, want %d", ip, got, want);
}

static void test_name(void **state) {
    EVP_PKEY *key;
    X509 *cert = make(SLICE("_martlet.test"), false, &key);
    check_host(cert, "_martlet.test", 1);
    check_host(cert, "www._martlet.test", 1);
    check_host(cert, "mta-sts._martlet.test", 1);
    check_host(cert, "other.test", 0);
    check_ip(cert, "127.0.0.1", 0);
    assert_int_equal(X509_check_private_key(cert, key), 1);
    assert_int_equal(X509_verify(cert, key), 1);
    assert_int_equal(X509_check_ca(cert), 0);
    assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    assert_int_equal(EVP_PKEY_get_base_id(key), EVP_PKEY_EC);
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    int days, seconds;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert), X509_get0_notAfter(cert)), 1);
    assert_int_equal(days, 36500);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_loopback(void **state) {
    EVP_PKEY *key;
    X509 *cert = make(SLICE("_martlet.test"), true, &key);
    check_host(cert, "_martlet.test", 1);
    check_ip(cert, "127.0.0.1", 1);
    check_ip(cert, "::1", 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_literal(void **state) {
    EVP_PKEY *key;
    X509 *cert = make(SLICE("[192.0.2.1]"), false, &key);
    check_ip(cert, "192.0.2.1", 1);
    check_ip(cert, "192.0.2.2", 0);
    X509_free(cert);
    EVP_PKEY_free(key);
    cert = make(SLICE("[IPv6:2001:db8::1]"), false, &key);
    check_ip(cert, "2001:db8::1", 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_long_name(void **state) {
    EVP_PKEY *key;
    const char *name = "_a-name-that-is-longer-than-the-sixty-four-characters.of-a-common-name.test";
    X509 *cert = make(slice_from_cstr(name), false, &key);
    check_host(cert, name, 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_covers(void **state) {
    static const struct {
        struct slice made_for, asked;
        bool want;
    } rows[] = {
        {SLICE("_a.test"), SLICE("_a.test"), true},         {SLICE("_a.test"), SLICE("_b.test"), false},
        {SLICE("[192.0.2.1]"), SLICE("[192.0.2.1]"), true}, {SLICE("[192.0.2.1]"), SLICE("[192.0.2.2]"), false},
        {SLICE("[192.0.2.1]"), SLICE("_a.test"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf cert_pem, key_pem;
        buf_init(&cert_pem, 16384);
        buf_init(&key_pem, 16384);
        assert_true(selfsigned_make(rows[i].made_for, false, &cert_pem, &key_pem));
        if (selfsigned_covers(buf_slice(&cert_pem), rows[i].asked) != rows[i].want)
            fail_msg("row %zu: want %d", i, rows[i].want);
        buf_done(&cert_pem);
        buf_done(&key_pem);
    }
    assert_false(selfsigned_covers(SLICE("no certificate"), SLICE("_a.test")));
}

// The longest domain that there can be: below it there are no names to put beside it.
static void test_longest_domain(void **state) {
    char text[253];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 50 == 49 ? '.' : 'a';
    struct slice domain = slice_make(text, sizeof(text));
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, 16384);
    buf_init(&key_pem, 16384);
    for (size_t len = 244; len <= sizeof(text); len++) {
        buf_truncate(&cert_pem, 0);
        buf_truncate(&key_pem, 0);
        struct slice end = slice_sub(domain, domain.len - len, domain.len);
        if (end.ptr[0] == '.')
            continue;
        if (!selfsigned_make(end, false, &cert_pem, &key_pem))
            fail_msg("a domain of %zu octets: no certificate", len);
        assert_true(selfsigned_covers(buf_slice(&cert_pem), end));
    }
    buf_done(&cert_pem);
    buf_done(&key_pem);
}

static void test_refusals(void **state) {
    static const struct slice rows[] = {SLICE("[not an address]"), SLICE("[]")};
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, 16384);
    buf_init(&key_pem, 16384);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(selfsigned_make(rows[i], false, &cert_pem, &key_pem));
    buf_init(&cert_pem, 16);
    assert_false(selfsigned_make(SLICE("_martlet.test"), false, &cert_pem, &key_pem));
    buf_done(&cert_pem);
    buf_done(&key_pem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),           cmocka_unit_test(test_loopback), cmocka_unit_test(test_literal),
        cmocka_unit_test(test_long_name),      cmocka_unit_test(test_covers),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_longest_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
