// SPDX-License-Identifier: MIT
#include "net/cert_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void add_extension(X509 *x, int nid, const char *value) {
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    ASSERT(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void take(BIO *bio, char *ret, size_t size) {
    size_t len = 0;
    (void)BIO_read_ex(bio, ret, size - 1, &len);
    ASSERT(len > 0 && len < size - 1);
    ret[len] = '\0';
    BIO_free(bio);
}

static void sign(struct cert *c, const struct cert_spec *spec) {
    const struct cert *issuer = spec->issuer != NULL ? spec->issuer : c;
    ASSERT(X509_set_issuer_name(c->x509, X509_get_subject_name(issuer->x509)) == 1);
    if (spec->is_ca)
        add_extension(c->x509, NID_basic_constraints, "critical,CA:TRUE");
    if (spec->san != NULL)
        add_extension(c->x509, NID_subject_alt_name, spec->san);
    ASSERT(X509_sign(c->x509, issuer->key, EVP_sha256()) > 0);
}

static void write_pem(struct cert *c, const struct cert *issuer) {
    BIO *pem = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(pem, c->x509) == 1);
    if (issuer != NULL)
        ASSERT(BIO_puts(pem, issuer->pem) > 0);
    ASSERT(PEM_write_bio_PrivateKey(key, c->key, NULL, NULL, 0, NULL, NULL) == 1);
    take(pem, c->pem, sizeof(c->pem));
    take(key, c->key_pem, sizeof(c->key_pem));
}

struct cert *cert_fixture_new(const struct cert_spec *spec) {
    static long serial = 1;
    struct cert *c = MEM_NEW(struct cert);
    c->key = EVP_EC_gen("P-256");
    c->x509 = X509_new();
    ASSERT(c->key != NULL && c->x509 != NULL && X509_set_version(c->x509, 2) == 1);
    ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(c->x509), serial++) == 1);
    long to_s = spec->from_s == 0 && spec->to_s == 0 ? 3600 : spec->to_s;
    ASSERT(X509_gmtime_adj(X509_getm_notBefore(c->x509), spec->from_s != 0 ? spec->from_s : -60) != NULL);
    ASSERT(X509_gmtime_adj(X509_getm_notAfter(c->x509), to_s) != NULL);
    ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(c->x509), "CN", MBSTRING_ASC,
                                      (const unsigned char *)spec->name, -1, -1, 0) == 1);
    ASSERT(X509_set_pubkey(c->x509, c->key) == 1);
    sign(c, spec);
    write_pem(c, spec->issuer);
    return c;
}

void cert_fixture_free(struct cert *c) {
    if (c == NULL)
        return;
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    free(c);
}

void cert_fixture_digest(const struct cert *c, int selector, uint8_t ret[32]) {
    unsigned char *der = NULL;
    int len = selector == 0 ? i2d_X509(c->x509, &der) : i2d_PUBKEY(c->key, &der);
    ASSERT(len > 0 && EVP_Digest(der, (size_t)len, ret, NULL, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
}

void cert_fixture_save(const struct cert *c, const char *folder, const char *name, char ret_path[256]) {
    if (name != NULL)
        (void)snprintf(ret_path, 256, "%s/%s", folder, name);
    else
        (void)snprintf(ret_path, 256, "%s/%08lx.0", folder, X509_subject_name_hash(c->x509));
    FILE *f = fopen(ret_path, "w");
    ASSERT(f != NULL && PEM_write_X509(f, c->x509) == 1 && fclose(f) == 0);
}
