// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/panic.h"
#include "martlet/acme/certificate_check.h"

enum { NOW = 1800000000, DAY = 86400, TEXT_MAX = 8192 };

struct pair {
    char cert[TEXT_MAX], key[TEXT_MAX];
};

static void take(BIO *bio, char *ret) {
    int n = BIO_read(bio, ret, TEXT_MAX - 1);
    assert_true(n > 0);
    ret[n] = '\0';
    BIO_free(bio);
}

// A certificate for `names` ("DNS:a,IP:192.0.2.1"), issued by another key when `is_public`.
static void make(struct pair *ret, EVP_PKEY *key, const char *names, int from_day, int to_day, bool is_public,
                 const EVP_MD *digest) {
    X509 *cert = X509_new();
    EVP_PKEY *signer = is_public ? EVP_EC_gen("P-256") : key;
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_non_null(ASN1_TIME_adj(X509_getm_notBefore(cert), NOW, from_day, 0));
    assert_non_null(ASN1_TIME_adj(X509_getm_notAfter(cert), NOW, to_day, 0));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    X509_NAME *issuer = X509_NAME_new(), *subject = X509_NAME_new();
    (void)X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, (const unsigned char *)"Some CA", -1, -1, 0);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"leaf", -1, -1, 0);
    assert_int_equal(X509_set_subject_name(cert, subject), 1);
    assert_int_equal(X509_set_issuer_name(cert, is_public ? issuer : subject), 1);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    assert_true(X509_sign(cert, signer, digest) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    take(bio, ret->cert);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    take(bio, ret->key);
    X509_EXTENSION_free(ext);
    X509_NAME_free(issuer);
    X509_NAME_free(subject);
    if (signer != key)
        EVP_PKEY_free(signer);
    X509_free(cert);
}

static void ask(const struct pair *p, const char *domain, enum config_certificate_source source,
                struct certificate_report *ret) {
    struct certificate_question q = {slice_from_cstr(p->cert), slice_from_cstr(p->key), domain, source, NOW};
    certificate_check(&q, ret);
}

static void test_findings(void **state) {
    static const struct {
        const char *what, *names, *domain;
        int from_day, to_day;
        bool is_public;
        int weight;        // of the first finding; -1: none
        const char *words; // in the first finding
    } rows[] = {
        {"good", "DNS:a.org,DNS:www.a.org,DNS:mta-sts.a.org", "a.org", -1, 89, true, -1, ""},
        {"wildcard", "DNS:a.org,DNS:*.a.org", "a.org", -1, 89, true, -1, ""},
        {"address", "IP:192.0.2.1", "[192.0.2.1]", -1, 5, true, -1, ""},
        {"other address", "IP:192.0.2.2", "[192.0.2.1]", -1, 5, true, CERTIFICATE_WARNING, "not for the address"},
        {"no www", "DNS:a.org,DNS:mta-sts.a.org", "a.org", -1, 89, true, CERTIFICATE_NOTE, "www.a.org"},
        {"other name", "DNS:b.org", "a.org", -1, 89, true, CERTIFICATE_WARNING, "it names: b.org"},
        {"expired", "DNS:a.org,DNS:*.a.org", "a.org", -90, -1, true, CERTIFICATE_WARNING, "expired"},
        {"not yet", "DNS:a.org,DNS:*.a.org", "a.org", 1, 90, true, CERTIFICATE_WARNING, "not valid before"},
        {"of 90 days, in time", "DNS:a.org,DNS:*.a.org", "a.org", -75, 15, true, -1, ""},
        {"of a year, in time", "DNS:a.org,DNS:*.a.org", "a.org", -350, 15, true, -1, ""},
        {"of a year, soon", "DNS:a.org,DNS:*.a.org", "a.org", -350, 13, true, CERTIFICATE_WARNING, "expires on"},
        {"of 6 days, in time", "IP:192.0.2.1", "[192.0.2.1]", -4, 2, true, -1, ""},
        {"of 6 days, soon", "IP:192.0.2.1", "[192.0.2.1]", -6, 1, true, CERTIFICATE_WARNING, "expires on"},
        {"soon", "DNS:a.org,DNS:*.a.org", "a.org", -80, 10, true, CERTIFICATE_WARNING, "expires on"},
        {"six days", "DNS:a.org,DNS:*.a.org", "a.org", -4, 2, true, -1, ""},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair p;
        struct certificate_report r;
        make(&p, key, rows[i].names, rows[i].from_day, rows[i].to_day, rows[i].is_public, EVP_sha256());
        ask(&p, rows[i].domain, CERTIFICATE_FROM_FILES, &r);
        const char *got = r.n_findings > 0 ? r.findings[0].text : "";
        int weight = r.n_findings > 0 ? (int)r.findings[0].weight : -1;
        if (weight != rows[i].weight || strstr(got, rows[i].words) == NULL)
            fail_msg("%s: got %d \"%s\", want %d \"%s\"", rows[i].what, weight, got, rows[i].weight, rows[i].words);
        assert_null(certificate_refusal(&r));
    }
    EVP_PKEY_free(key);
}

static void test_facts(void **state) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct pair p;
    struct certificate_report r;
    make(&p, key, "DNS:a.org,IP:192.0.2.1,DNS:www.a.org", -1, 89, true, EVP_sha256());
    ask(&p, "a.org", CERTIFICATE_FROM_ACME, &r);
    assert_string_equal(r.names, "a.org 192.0.2.1 www.a.org");
    assert_string_equal(r.issuer, "Some CA");
    assert_int_equal(strlen(r.key_sha256), 64);
    assert_int_equal(certificate_days_left(&r, NOW), 89);
    assert_int_equal(certificate_days_left(&r, r.not_after_s + 1), -1);
    assert_true(r.is_public && r.covers_domain);
    assert_true(certificate_covers(slice_from_cstr(p.cert), "www.a.org"));
    assert_false(certificate_covers(slice_from_cstr(p.cert), "b.org"));
    make(&p, key, "DNS:a.org", -1, 89, false, EVP_sha256());
    ask(&p, "a.org", CERTIFICATE_FROM_FILES, &r);
    assert_false(r.is_public);
    EVP_PKEY_free(key);
}

static void assert_refused(const struct pair *p, const char *words) {
    struct certificate_report r;
    ask(p, "a.org", CERTIFICATE_FROM_FILES, &r);
    const char *got = certificate_refusal(&r);
    if (got == NULL || strstr(got, words) == NULL)
        fail_msg("got \"%s\", want \"%s\"", got != NULL ? got : "nothing", words);
    assert_false(r.n_findings == 0);
}

static void test_refusals(void **state) {
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *weak = EVP_RSA_gen(1024);
    struct pair p, q;
    make(&p, key, "DNS:a.org", -1, 89, true, EVP_sha256());
    make(&q, other, "DNS:a.org", -1, 89, true, EVP_sha256());
    memcpy(p.key, q.key, sizeof(p.key));
    assert_refused(&p, "does not match");
    (void)snprintf(p.key, sizeof(p.key), "no key");
    assert_refused(&p, "no readable PEM private key");
    (void)snprintf(p.cert, sizeof(p.cert), "no certificate");
    assert_refused(&p, "no readable PEM certificate");
    make(&p, weak, "DNS:a.org", -1, 89, true, EVP_sha256());
    assert_refused(&p, "too weak");
    make(&p, key, "DNS:a.org", -1, 89, true, EVP_sha1());
    assert_refused(&p, "digest");
    // The key is not asked for where it may not be read.
    struct certificate_report r;
    make(&p, key, "DNS:a.org,DNS:*.a.org", -1, 89, true, EVP_sha256());
    p.key[0] = '\0';
    ask(&p, "a.org", CERTIFICATE_FROM_FILES, &r);
    assert_int_equal(r.n_findings, 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(weak);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_findings), cmocka_unit_test(test_facts),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
