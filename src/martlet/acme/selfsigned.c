// SPDX-License-Identifier: MIT
#include "martlet/acme/selfsigned.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/value.h"

enum {
    VALID_DAYS = 36500,
    SERIAL_LEN = 16,     // RFC 5280 4.1.2.2 allows 20 octets
    COMMON_NAME_MAX = 64 // ub-common-name
};

// Takes `value` (a string of OpenSSL's). False when out of memory.
static bool add_name(GENERAL_NAMES *names, int type, ASN1_STRING *value) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL || value == NULL) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

static bool add_string(GENERAL_NAMES *names, int type, const void *ptr, size_t len) {
    ASN1_STRING *value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
    if (value != NULL && ASN1_STRING_set(value, ptr, (int)len) != 1) {
        ASN1_STRING_free(value);
        value = NULL;
    }
    return add_name(names, type, value);
}

// Below the longest domains there is no such name (RFC 1035 2.3.4): it is left out.
static bool add_dns(GENERAL_NAMES *names, const char *prefix, struct slice domain) {
    char text[CONFIG_DOMAIN_SIZE];
    int len = snprintf(text, sizeof(text), "%s%.*s", prefix, SLICE_FMT(domain));
    return (size_t)len >= sizeof(text) || add_string(names, GEN_DNS, text, (size_t)len);
}

static bool add_ip(GENERAL_NAMES *names, const char *text) {
    unsigned char ip[16];
    if (inet_pton(AF_INET, text, ip) == 1)
        return add_string(names, GEN_IPADD, ip, 4);
    return inet_pton(AF_INET6, text, ip) == 1 && add_string(names, GEN_IPADD, ip, 16);
}

// The address in "[192.0.2.1]" or "[IPv6:2001:db8::1]" as text, or false when the domain is a name.
static bool literal_address(struct slice domain, char ret[INET6_ADDRSTRLEN]) {
    if (!slice_starts_with(domain, SLICE("[")) || !slice_ends_with(domain, SLICE("]")))
        return false;
    struct slice inner = slice_sub(domain, 1, domain.len - 1);
    if (slice_starts_with_ci(inner, SLICE("IPv6:")))
        inner = slice_sub(inner, 5, inner.len);
    if (inner.len >= INET6_ADDRSTRLEN)
        return false;
    memcpy(ret, inner.ptr, inner.len);
    ret[inner.len] = '\0';
    return true;
}

static bool set_names(X509 *cert, struct slice domain, bool with_loopback) {
    char literal[INET6_ADDRSTRLEN];
    bool is_literal = literal_address(domain, literal);
    struct slice common = is_literal ? slice_from_cstr(literal) : domain;
    X509_NAME *subject = X509_get_subject_name(cert);
    // A longer name stands in the alternative names alone, which is where clients look.
    if (common.len <= COMMON_NAME_MAX &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common.ptr, (int)common.len, -1,
                                   0) != 1)
        return false;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool ok = names != NULL && X509_set_issuer_name(cert, subject) == 1;
    if (ok && is_literal)
        ok = add_ip(names, literal);
    else if (ok)
        ok = domain.len < CONFIG_DOMAIN_SIZE && add_dns(names, "", domain) && add_dns(names, "www.", domain) &&
             add_dns(names, "mta-sts.", domain);
    if (ok && with_loopback)
        ok = add_ip(names, "127.0.0.1") && add_ip(names, "::1");
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool add_extension(X509 *cert, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert) {
    unsigned char octets[SERIAL_LEN];
    random_bytes(octets, sizeof(octets));
    octets[0] = (unsigned char)((octets[0] & 0x7f) | 0x40); // positive, and of full length
    BIGNUM *number = BN_bin2bn(octets, sizeof(octets), NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

static X509 *make_cert(EVP_PKEY *key, struct slice domain, bool with_loopback) {
    X509 *cert = X509_new();
    time_t now = (time_t)clock_wall_s();
    bool ok = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
              ASN1_TIME_adj(X509_getm_notBefore(cert), now, 0, 0) != NULL &&
              ASN1_TIME_adj(X509_getm_notAfter(cert), now, VALID_DAYS, 0) != NULL && X509_set_pubkey(cert, key) == 1 &&
              set_names(cert, domain, with_loopback) &&
              add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
              add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
              add_extension(cert, NID_subject_key_identifier, "hash") && X509_sign(cert, key, EVP_sha256()) > 0;
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool append_bio(BIO *bio, struct buf *ret) {
    char *ptr = NULL;
    long len = BIO_get_mem_data(bio, &ptr);
    return len > 0 && buf_append(ret, ptr, (size_t)len);
}

bool selfsigned_make(struct slice domain, bool with_loopback, struct buf *ret_cert_pem, struct buf *ret_key_pem) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? make_cert(key, domain, with_loopback) : NULL;
    BIO *cert_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_secmem());
    bool ok = cert != NULL && cert_bio != NULL && key_bio != NULL && PEM_write_bio_X509(cert_bio, cert) == 1 &&
              PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              append_bio(cert_bio, ret_cert_pem) && append_bio(key_bio, ret_key_pem);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

bool selfsigned_covers(struct slice cert_pem, struct slice domain) {
    if (cert_pem.len > INT32_MAX)
        return false;
    BIO *bio = BIO_new_mem_buf(cert_pem.ptr, (int)cert_pem.len);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    char literal[INET6_ADDRSTRLEN];
    bool covers = false;
    if (cert != NULL && literal_address(domain, literal))
        covers = X509_check_ip_asc(cert, literal, 0) == 1;
    else if (cert != NULL)
        covers = X509_check_host(cert, domain.ptr, domain.len, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    X509_free(cert);
    BIO_free(bio);
    return covers;
}
