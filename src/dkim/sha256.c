// SPDX-License-Identifier: MIT
// SHA-256 as a stream, on OpenSSL.
#include "dkim/sha256.h"

#include <pthread.h>

#include "base/panic.h"

static EVP_MD *md;

static void fetch(void) {
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ASSERT(md != NULL);
}

const EVP_MD *dkim_sha256(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    return md;
}

EVP_MD_CTX *dkim_sha256_new(void) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASSERT(ctx != NULL);
    int ok = EVP_DigestInit_ex2(ctx, dkim_sha256(), NULL);
    ASSERT(ok == 1);
    return ctx;
}

void dkim_sha256_update(EVP_MD_CTX *ctx, const char *ptr, size_t len) {
    int ok = EVP_DigestUpdate(ctx, ptr, len);
    ASSERT(ok == 1);
}

void dkim_sha256_finish(EVP_MD_CTX *ctx, uint8_t ret[DKIM_HASH_LEN]) {
    int ok = EVP_DigestFinal_ex(ctx, ret, NULL);
    ASSERT(ok == 1);
    EVP_MD_CTX_free(ctx);
}

static void write_to_hash(void *arg, const char *ptr, size_t len) {
    dkim_sha256_update(arg, ptr, len);
}

struct dkim_sink dkim_sha256_sink(EVP_MD_CTX *ctx) {
    return (struct dkim_sink){write_to_hash, ctx};
}
