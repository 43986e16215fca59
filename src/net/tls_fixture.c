// SPDX-License-Identifier: MIT
#include "net/tls_fixture.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static char cert_mem[8192], key_mem[8192];

static struct slice take(BIO *bio, char *mem, size_t size) {
    int n = BIO_read(bio, mem, (int)size);
    ASSERT(n > 0);
    BIO_free(bio);
    return slice_make(mem, (size_t)n);
}

void tls_fixture_make(const char *name, long from_s, long to_s, struct slice *ret_cert, struct slice *ret_key) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASSERT(key != NULL && cert != NULL);
    ASSERT(X509_set_version(cert, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
    ASSERT(X509_gmtime_adj(X509_getm_notBefore(cert), from_s) != NULL);
    ASSERT(X509_gmtime_adj(X509_getm_notAfter(cert), to_s) != NULL);
    X509_NAME *subject = X509_get_subject_name(cert);
    ASSERT(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1);
    ASSERT(X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1);
    ASSERT(X509_sign(cert, key, EVP_sha256()) > 0);
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(cert_bio, cert) == 1);
    ASSERT(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    *ret_cert = take(cert_bio, cert_mem, sizeof(cert_mem));
    *ret_key = take(key_bio, key_mem, sizeof(key_mem));
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct tls_context *tls_fixture_new(struct tls_settings *settings) {
    struct tls_settings s = settings != NULL ? *settings : (struct tls_settings){0};
    tls_fixture_make("localhost", -60, 3600, &s.cert_pem, &s.key_pem);
    const char *error = NULL;
    struct tls_context *ctx = tls_context_new(&s, &error);
    ASSERT(ctx != NULL);
    return ctx;
}
