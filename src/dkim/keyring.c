// SPDX-License-Identifier: MIT
// Private keys on OpenSSL: made, read, written, used, and the record that publishes them.
#include "dkim/keyring.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#include "base/base64.h"
#include "base/mem.h"
#include "dkim/key.h"
#include "dkim/sha256.h"

enum { ED25519_LEN = 32 };

struct dkim_private_key {
    atomic_uint refs;
    enum dkim_algorithm algorithm;
    EVP_PKEY *pkey;
};

static struct dkim_private_key *wrap(EVP_PKEY *pkey, enum dkim_algorithm algorithm) {
    struct dkim_private_key *key = MEM_NEW(struct dkim_private_key);
    atomic_init(&key->refs, 1);
    key->algorithm = algorithm;
    key->pkey = pkey;
    return key;
}

struct dkim_private_key *dkim_private_key_generate(enum dkim_algorithm algorithm) {
    EVP_PKEY *pkey =
        algorithm == DKIM_RSA_SHA256 ? EVP_RSA_gen(DKIM_NEW_RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ASSERT(pkey != NULL);
    return wrap(pkey, algorithm);
}

// OpenSSL would ask at the terminal.
static int refuse_passphrase(char *buf, int size, int rwflag, void *arg) {
    return -1;
}

static EVP_PKEY *read_pem(struct slice pem) {
    if (pem.len == 0 || pem.len > DKIM_PEM_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    ASSERT(bio != NULL);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

struct dkim_private_key *dkim_private_key_from_pem(struct slice pem, const char **ret_reason) {
    EVP_PKEY *pkey = read_pem(pem);
    if (pkey == NULL) {
        *ret_reason = "no private key in PEM form, or one with a passphrase";
        return NULL;
    }
    int type = EVP_PKEY_get_base_id(pkey);
    if (type == EVP_PKEY_ED25519)
        return wrap(pkey, DKIM_ED25519_SHA256);
    int bits = EVP_PKEY_get_bits(pkey);
    if (type == EVP_PKEY_RSA && bits >= DKIM_RSA_BITS_MIN && bits <= DKIM_RSA_BITS_MAX)
        return wrap(pkey, DKIM_RSA_SHA256);
    *ret_reason = type == EVP_PKEY_RSA ? "an RSA key must have 1024 to 4096 bits" : "neither an RSA nor an Ed25519 key";
    EVP_PKEY_free(pkey);
    return NULL;
}

bool dkim_private_key_to_pem(const struct dkim_private_key *key, struct buf *out) {
    BIO *bio = BIO_new(BIO_s_secmem()); // wiped when freed
    ASSERT(bio != NULL);
    int written = PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL);
    ASSERT(written == 1);
    char *pem;
    long len = BIO_get_mem_data(bio, &pem);
    bool ok = buf_append(out, pem, (size_t)len);
    BIO_free(bio);
    return ok;
}

struct dkim_private_key *dkim_private_key_ref(struct dkim_private_key *key) {
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void dkim_private_key_unref(struct dkim_private_key *key) {
    if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum dkim_algorithm dkim_private_key_algorithm(const struct dkim_private_key *key) {
    return key->algorithm;
}

static void sign_rsa(EVP_PKEY *pkey, const uint8_t *hash, uint8_t *ret, size_t *ret_len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    *ret_len = DKIM_SIGNATURE_LEN_MAX;
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
              EVP_PKEY_CTX_set_signature_md(ctx, dkim_sha256()) == 1 &&
              EVP_PKEY_sign(ctx, ret, ret_len, hash, DKIM_HASH_LEN) == 1;
    ASSERT(ok);
    EVP_PKEY_CTX_free(ctx);
}

static void sign_ed25519(EVP_PKEY *pkey, const uint8_t *hash, uint8_t *ret, size_t *ret_len) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *ret_len = DKIM_SIGNATURE_LEN_MAX;
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, ret, ret_len, hash, DKIM_HASH_LEN) == 1;
    ASSERT(ok);
    EVP_MD_CTX_free(ctx);
}

void dkim_private_key_sign(const struct dkim_private_key *key, const uint8_t hash[DKIM_HASH_LEN],
                           uint8_t ret_signature[DKIM_SIGNATURE_LEN_MAX], size_t *ret_len) {
    if (key->algorithm == DKIM_RSA_SHA256)
        sign_rsa(key->pkey, hash, ret_signature, ret_len);
    else
        sign_ed25519(key->pkey, hash, ret_signature, ret_len);
}

static bool append_base64(struct buf *out, const uint8_t *data, size_t len) {
    char *text = mem_alloc(BASE64_ENCODED_LEN(len) + 1);
    base64_encode(data, len, text);
    bool ok = buf_append_cstr(out, text);
    free(text);
    return ok;
}

// RSA as SubjectPublicKeyInfo, as everyone does; Ed25519 as the bare 32 octets (RFC 8463 4).
static bool append_public(const struct dkim_private_key *key, struct buf *out) {
    if (key->algorithm == DKIM_ED25519_SHA256) {
        uint8_t raw[ED25519_LEN];
        size_t len = sizeof(raw);
        int got = EVP_PKEY_get_raw_public_key(key->pkey, raw, &len);
        ASSERT(got == 1);
        return append_base64(out, raw, len);
    }
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);
    ASSERT(len > 0);
    bool ok = append_base64(out, der, (size_t)len);
    OPENSSL_free(der);
    return ok;
}

bool dkim_private_key_record(const struct dkim_private_key *key, struct buf *out) {
    const char *type = key->algorithm == DKIM_RSA_SHA256 ? "rsa" : "ed25519";
    return buf_printf(out, "v=DKIM1;k=%s;p=", type) && append_public(key, out) && buf_append_cstr(out, ";s=email;t=s");
}

bool dkim_private_key_is_published(const struct dkim_private_key *key, struct slice text) {
    struct dkim_key *found;
    const char *reason;
    if (dkim_key_parse(text, &found, &reason) != DKIM_KEY_OK)
        return false;
    // The same key is the one that verifies.
    static const uint8_t hash[DKIM_HASH_LEN] = {0};
    uint8_t signature[DKIM_SIGNATURE_LEN_MAX];
    size_t len;
    dkim_private_key_sign(key, hash, signature, &len);
    bool same = dkim_key_algorithm(found) == key->algorithm && dkim_key_verify(found, hash, signature, len);
    dkim_key_unref(found);
    return same;
}

bool dkim_zone_escape(struct slice octets, struct buf *out) {
    bool ok = true;
    for (size_t i = 0; i < octets.len && ok; i++) {
        char c = octets.ptr[i];
        ok = c == '"' || c == '\\'  ? buf_printf(out, "\\%c", c)
             : c >= ' ' && c <= '~' ? buf_append(out, &c, 1)
                                    : buf_printf(out, "\\%03u", (unsigned)(uint8_t)c);
    }
    return ok;
}

static bool append_string(struct slice octets, struct buf *out) {
    return buf_append_cstr(out, "\"") && dkim_zone_escape(octets, out) && buf_append_cstr(out, "\"");
}

bool dkim_zone_strings(struct slice record, struct buf *out) {
    size_t at = 0;
    do {
        if (at > 0 && !buf_append_cstr(out, " "))
            return false;
        if (!append_string(slice_sub(record, at, at + DKIM_ZONE_STRING_MAX), out))
            return false;
        at += DKIM_ZONE_STRING_MAX;
    } while (at < record.len);
    return true;
}
