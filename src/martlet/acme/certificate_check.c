// SPDX-License-Identifier: MIT
#include "martlet/acme/certificate_check.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/panic.h"
#include "net/certificate_life.h"
#include "net/certificate_read.h"

enum {
    DAY_S = 86400,
    SECURITY_BITS_MIN = 112, // OpenSSL's level 2, which Debian sets: RSA 2048, EC 224 (NIST SP 800-57 part 1)
    PEM_MAX = 1024 * 1024,
};

#define EXTERNAL "tls_external_cert_and_key"

PRINTF_LIKE(3, 4)
static void find(struct certificate_report *r, enum certificate_weight weight, const char *fmt, ...) {
    if (r->n_findings == CERTIFICATE_FINDINGS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->findings[r->n_findings].text, CERTIFICATE_SENTENCE_MAX, fmt, args);
    va_end(args);
    r->findings[r->n_findings++].weight = weight;
}

// ---- reading ----

// A key under a passphrase is refused; without this OpenSSL would ask on the terminal.
static int no_passphrase(char *buf, int size, int writing, void *arg) {
    return -1;
}

static BIO *open_pem(struct slice pem) {
    BIO *bio = pem.len <= PEM_MAX ? BIO_new_mem_buf(pem.len > 0 ? pem.ptr : "", (int)pem.len) : NULL;
    return bio;
}

static X509 *read_leaf(struct slice pem) {
    BIO *bio = open_pem(pem);
    X509 *leaf = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return leaf;
}

static EVP_PKEY *read_key(struct slice pem) {
    BIO *bio = open_pem(pem);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

// What a stranger wrote into a certificate goes to terminals and logs.
static void put_printable(char *to, size_t size, size_t *len, const char *octets, size_t n) {
    for (size_t i = 0; i < n && *len + 1 < size; i++) {
        unsigned char c = (unsigned char)octets[i];
        to[(*len)++] = c > 0x20 && c < 0x7f && c != '"' ? (char)c : c == ' ' ? ' ' : '?';
    }
    to[*len] = '\0';
}

static void add_name(struct certificate_report *r, size_t *len, const char *name, size_t n) {
    if (*len + n + 2 > sizeof(r->names))
        return;
    if (*len > 0)
        r->names[(*len)++] = ' ';
    put_printable(r->names, sizeof(r->names), len, name, n);
}

static void read_names(struct certificate_report *r, const X509 *leaf) {
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char address[INET6_ADDRSTRLEN];
        if (name->type == GEN_DNS) {
            add_name(r, &len, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                     (size_t)ASN1_STRING_length(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            int family = ASN1_STRING_length(name->d.iPAddress) == 16 ? AF_INET6 : AF_INET;
            if (ASN1_STRING_length(name->d.iPAddress) >= 4 &&
                inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof(address)) != NULL)
                add_name(r, &len, address, strlen(address));
        }
    }
    GENERAL_NAMES_free(names);
}

// "Organisation, Common Name", as far as they are there.
static void read_issuer(struct certificate_report *r, const X509 *leaf) {
    static const int parts[] = {NID_organizationName, NID_commonName};
    const X509_NAME *issuer = X509_get_issuer_name(leaf);
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        int at = X509_NAME_get_index_by_NID(issuer, parts[i], -1);
        if (at < 0)
            continue;
        unsigned char *text = NULL;
        int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at)));
        if (n > 0 && len > 0)
            put_printable(r->issuer, sizeof(r->issuer), &len, ", ", 2);
        if (n > 0)
            put_printable(r->issuer, sizeof(r->issuer), &len, (const char *)text, (size_t)n);
        OPENSSL_free(text);
    }
}

static void read_fingerprint(struct certificate_report *r, const X509 *leaf) {
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    unsigned int digest_len = 0;
    if (len > 0 && EVP_Digest(der, (size_t)len, digest, &digest_len, EVP_sha256(), NULL) == 1)
        hex_encode(digest, digest_len, r->key_sha256);
    OPENSSL_free(der);
}

// ---- judging ----

bool certificate_literal(const char *domain, char ret[CERTIFICATE_ADDRESS_SIZE]) {
    struct slice d = slice_from_cstr(domain);
    if (!slice_starts_with(d, SLICE("[")) || !slice_ends_with(d, SLICE("]")))
        return false;
    struct slice inner = slice_sub(d, 1, d.len - 1);
    if (slice_starts_with_ci(inner, SLICE("IPv6:")))
        inner = slice_sub(inner, 5, inner.len);
    if (inner.len >= CERTIFICATE_ADDRESS_SIZE)
        return false;
    memcpy(ret, inner.ptr, inner.len);
    ret[inner.len] = '\0';
    return true;
}

bool certificate_covers(struct slice cert_pem, const char *name) {
    X509 *leaf = read_leaf(cert_pem);
    bool ret = leaf != NULL && certificate_read_is_for(leaf, name);
    X509_free(leaf);
    return ret;
}

static void check_key(struct certificate_report *r, const struct certificate_question *q, X509 *leaf) {
    EVP_PKEY *public = X509_get0_pubkey(leaf);
    if (public == NULL || EVP_PKEY_get_security_bits(public) < SECURITY_BITS_MIN)
        find(r, CERTIFICATE_REFUSE, "the key of the certificate is too weak: have one issued for an EC P-256 key");
    if (q->key_pem.len == 0)
        return;
    EVP_PKEY *key = read_key(q->key_pem);
    if (key == NULL)
        find(r, CERTIFICATE_REFUSE,
             "the private key file holds no readable PEM private key without passphrase; remove a passphrase with "
             "openssl pkey -in OLD -out NEW");
    else if (X509_check_private_key(leaf, key) != 1)
        find(r, CERTIFICATE_REFUSE,
             "the private key does not match the certificate: %s must name the two files of one pair (of certbot: "
             "fullchain.pem and privkey.pem)",
             EXTERNAL);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

// Signatures that OpenSSL refuses to send; what a certificate says of itself proves nothing, so there it does not care.
static void check_signature(struct certificate_report *r, X509 *leaf) {
    int bits = 0;
    if (X509_get_signature_info(leaf, NULL, NULL, &bits, NULL) == 1 && bits < SECURITY_BITS_MIN &&
        X509_self_signed(leaf, 0) != 1)
        find(r, CERTIFICATE_REFUSE, "the certificate is signed with a digest that is broken: have a new one issued");
}

static void check_names(struct certificate_report *r, const struct certificate_question *q, X509 *leaf) {
    char address[CERTIFICATE_ADDRESS_SIZE];
    bool is_literal = certificate_literal(q->domain, address);
    const char *domain = is_literal ? address : q->domain;
    r->covers_domain = certificate_read_is_for(leaf, domain);
    if (!r->covers_domain && is_literal)
        find(r, CERTIFICATE_WARNING, "the certificate is not for the address of this relay: clients will refuse it");
    else if (!r->covers_domain)
        find(r, CERTIFICATE_WARNING, "the certificate is not for %s (it names: %.300s): clients will refuse it; %s",
             domain, r->names[0] != '\0' ? r->names : "nothing",
             q->source == CERTIFICATE_FROM_FILES ? "have one issued for this name" : "martlet asks for another one");
    if (q->source != CERTIFICATE_FROM_FILES || is_literal)
        return;
    static const char *const prefixes[] = {"www", "mta-sts"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        char name[300];
        (void)snprintf(name, sizeof(name), "%s.%s", prefixes[i], q->domain);
        if (!certificate_read_is_for(leaf, name))
            find(r, CERTIFICATE_NOTE, "the certificate is not for %s; add the name when DNS has it", name);
    }
}

static void date_of(int64_t at, char ret[32]) {
    time_t t = (time_t)at;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        ret[0] = '\0';
}

static void check_time(struct certificate_report *r, const struct certificate_question *q) {
    const char *do_what = q->source == CERTIFICATE_FROM_FILES
                              ? "renew it where it comes from; martlet takes the new files by itself"
                              : "`martlet certificate` tells why it has not been renewed";
    char date[32];
    date_of(q->now_s < r->not_before_s ? r->not_before_s : r->not_after_s, date);
    int64_t left_s = r->not_after_s - q->now_s;
    if (q->now_s < r->not_before_s)
        find(r, CERTIFICATE_WARNING,
             "the certificate is not valid before %s: new clients will refuse it; is the clock of this machine right?",
             date);
    else if (left_s <= 0)
        find(r, CERTIFICATE_WARNING, "the certificate has expired on %s: new clients refuse it; %s", date, do_what);
    else if (q->now_s >= certificate_late_at(r->not_before_s, r->not_after_s))
        find(r, CERTIFICATE_WARNING, "the certificate expires on %s, which is soon; %s", date, do_what);
}

void certificate_check(const struct certificate_question *q, struct certificate_report *ret) {
    *ret = (struct certificate_report){0};
    X509 *leaf = read_leaf(q->cert_pem);
    if (leaf == NULL) {
        bool is_key = slice_find_slice(q->cert_pem, SLICE("PRIVATE KEY-----")) < q->cert_pem.len;
        find(ret, CERTIFICATE_REFUSE, "the certificate file holds no readable PEM certificate%s",
             is_key && q->source == CERTIFICATE_FROM_FILES ? " but a private key: " EXTERNAL
                                                             " names the certificate first, then the key"
             : q->source == CERTIFICATE_FROM_FILES ? ": see " EXTERNAL
                                                   : "");
        return;
    }
    ret->is_readable = true;
    ret->not_before_s = certificate_read_time(X509_get0_notBefore(leaf));
    ret->not_after_s = certificate_read_time(X509_get0_notAfter(leaf));
    read_names(ret, leaf);
    read_issuer(ret, leaf);
    read_fingerprint(ret, leaf);
    check_key(ret, q, leaf);
    check_signature(ret, leaf);
    check_names(ret, q, leaf);
    check_time(ret, q);
    ret->is_public = q->source != CERTIFICATE_FROM_SELF && X509_self_signed(leaf, 0) != 1 && ret->covers_domain &&
                     q->now_s >= ret->not_before_s && q->now_s < ret->not_after_s;
    X509_free(leaf);
    ERR_clear_error();
}

const char *certificate_refusal(const struct certificate_report *r) {
    for (size_t i = 0; i < r->n_findings; i++)
        if (r->findings[i].weight == CERTIFICATE_REFUSE)
            return r->findings[i].text;
    return NULL;
}

int64_t certificate_days_left(const struct certificate_report *r, int64_t now_s) {
    int64_t left_s = r->not_after_s - now_s;
    return left_s >= 0 ? left_s / DAY_S : -((DAY_S - 1 - left_s) / DAY_S);
}
