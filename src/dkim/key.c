// SPDX-License-Identifier: MIT
// Key records (RFC 6376 3.6.1) to OpenSSL keys. OpenSSL's error queue is left empty: the TLS code of the same thread
// reads it.
#include "dkim/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "dkim/sha256.h"
#include "dkim/tags.h"

enum { ED25519_LEN = 32, DER_MAX = 2048, EXPONENT_BITS_MAX = 32 };

struct dkim_key {
    atomic_uint refs;
    enum dkim_algorithm algorithm;
    bool strict;
    unsigned bits;
    EVP_PKEY *pkey;
};

// ---- the key itself ----

// Whether DER is a SubjectPublicKeyInfo of rsaEncryption (RFC 3279 2.3.1). Nothing else is shown to OpenSSL, whose
// other kinds of keys can be costly to decode.
static bool is_rsa_spki(const uint8_t *der, size_t len) {
    static const uint8_t rsa_encryption[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
    if (len < 2 || der[0] != 0x30)
        return false;
    size_t at = 2 + (der[1] >= 0x80 ? der[1] & 0x7fu : 0);
    return at + 2 + sizeof(rsa_encryption) <= len && der[at] == 0x30 && der[at + 1] < 0x80 &&
           memcmp(der + at + 2, rsa_encryption, sizeof(rsa_encryption)) == 0;
}

static bool is_exponent_sane(EVP_PKEY *pkey) {
    BIGNUM *e = NULL;
    bool sane = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= EXPONENT_BITS_MAX &&
                BN_is_odd(e) && !BN_is_one(e);
    BN_free(e);
    return sane;
}

static EVP_PKEY *decode_rsa(const uint8_t *der, size_t len, const char **ret_reason) {
    const uint8_t *at = der;
    EVP_PKEY *pkey =
        is_rsa_spki(der, len) ? d2i_PUBKEY(NULL, &at, (long)len) : d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)len);
    ERR_clear_error();
    *ret_reason = "p= is no RSA key";
    if (pkey != NULL && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && at == der + len) {
        int bits = EVP_PKEY_get_bits(pkey);
        *ret_reason = "RSA key too short or too long";
        if (bits >= DKIM_RSA_BITS_MIN && bits <= DKIM_RSA_BITS_MAX && is_exponent_sane(pkey))
            return pkey;
    }
    EVP_PKEY_free(pkey);
    return NULL;
}

static EVP_PKEY *decode(enum dkim_algorithm algorithm, struct slice p, const char **ret_reason) {
    uint8_t der[DER_MAX];
    size_t len;
    *ret_reason = "p= is no base64";
    if (!dkim_base64(p, der, sizeof(der), &len))
        return NULL;
    if (algorithm == DKIM_RSA_SHA256)
        return decode_rsa(der, len, ret_reason);
    *ret_reason = "p= is no ed25519 key";
    if (len != ED25519_LEN)
        return NULL;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, len);
    ERR_clear_error();
    return pkey;
}

// ---- the record ----

// The text without what a zone file may have brought in. False when it is too long.
static bool clean(struct slice text, char ret[DKIM_RECORD_LEN_MAX], size_t *ret_len) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"')
            continue;
        if (n == DKIM_RECORD_LEN_MAX)
            return false;
        ret[n++] = c;
    }
    *ret_len = n;
    return true;
}

// The value of a tag, or what its absence means.
static struct slice value_of(const struct dkim_tags *tags, const char *name, struct slice absent) {
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag != NULL ? tag->value : absent;
}

static const char *find_obstacle(const struct dkim_tags *tags, enum dkim_algorithm *ret_algorithm) {
    if (!slice_eq(value_of(tags, "v", SLICE("DKIM1")), SLICE("DKIM1")))
        return "not a DKIM1 record";
    if (!dkim_list_has(value_of(tags, "h", SLICE("sha256")), SLICE("sha256")))
        return "key is not for SHA-256";
    struct slice service = value_of(tags, "s", SLICE("*"));
    if (!dkim_list_has(service, SLICE("*")) && !dkim_list_has(service, SLICE("email")))
        return "key is not for mail";
    struct slice type = value_of(tags, "k", SLICE("rsa"));
    if (slice_eq_ci(type, SLICE("rsa")))
        *ret_algorithm = DKIM_RSA_SHA256;
    else if (slice_eq_ci(type, SLICE("ed25519")))
        *ret_algorithm = DKIM_ED25519_SHA256;
    else
        return "key type not supported";
    return dkim_tags_find(tags, "p") != NULL ? NULL : "p= is missing";
}

enum dkim_key_status dkim_key_parse(struct slice text, struct dkim_key **ret_key, const char **ret_reason) {
    char mem[DKIM_RECORD_LEN_MAX];
    size_t len;
    struct dkim_tags tags;
    if (!clean(text, mem, &len) || !dkim_tags_parse(slice_make(mem, len), &tags)) {
        *ret_reason = "bad key record";
        return DKIM_KEY_BAD;
    }
    enum dkim_algorithm algorithm;
    const char *reason = find_obstacle(&tags, &algorithm);
    struct slice p = value_of(&tags, "p", SLICE_EMPTY);
    if (reason == NULL && p.len == 0) {
        *ret_reason = "key revoked";
        return DKIM_KEY_REVOKED;
    }
    EVP_PKEY *pkey = reason == NULL ? decode(algorithm, p, &reason) : NULL;
    if (pkey == NULL) {
        *ret_reason = reason;
        return DKIM_KEY_BAD;
    }
    struct dkim_key *key = MEM_NEW(struct dkim_key);
    atomic_init(&key->refs, 1);
    key->algorithm = algorithm;
    key->strict = dkim_list_has(value_of(&tags, "t", SLICE_EMPTY), SLICE("s"));
    key->bits = (unsigned)EVP_PKEY_get_bits(pkey);
    if (algorithm == DKIM_ED25519_SHA256)
        key->bits = ED25519_LEN * 8; // OpenSSL says 253
    key->pkey = pkey;
    *ret_key = key;
    return DKIM_KEY_OK;
}

struct dkim_key *dkim_key_ref(struct dkim_key *key) {
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void dkim_key_unref(struct dkim_key *key) {
    if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *key) {
    return key->algorithm;
}

unsigned dkim_key_bits(const struct dkim_key *key) {
    return key->bits;
}

bool dkim_key_is_strict(const struct dkim_key *key) {
    return key->strict;
}

// ---- verification ----

static bool verify_rsa(EVP_PKEY *pkey, const uint8_t *hash, const uint8_t *signature, size_t len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    ASSERT(ctx != NULL);
    bool valid = EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                 EVP_PKEY_CTX_set_signature_md(ctx, dkim_sha256()) == 1 &&
                 EVP_PKEY_verify(ctx, signature, len, hash, DKIM_HASH_LEN) == 1;
    EVP_PKEY_CTX_free(ctx);
    return valid;
}

// RFC 8463 3: PureEdDSA over the SHA-256 hash.
static bool verify_ed25519(EVP_PKEY *pkey, const uint8_t *hash, const uint8_t *signature, size_t len) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASSERT(ctx != NULL);
    bool valid = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                 EVP_DigestVerify(ctx, signature, len, hash, DKIM_HASH_LEN) == 1;
    EVP_MD_CTX_free(ctx);
    return valid;
}

bool dkim_key_verify(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_LEN], const uint8_t *signature,
                     size_t signature_len) {
    bool valid = key->algorithm == DKIM_RSA_SHA256 ? verify_rsa(key->pkey, hash, signature, signature_len)
                                                   : verify_ed25519(key->pkey, hash, signature, signature_len);
    ERR_clear_error();
    return valid;
}
