// SPDX-License-Identifier: MIT
// What every thread shares (the algorithms) is fetched once and kept for ever; what a thread keeps ends with it.
#include "turn/mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "base/mem.h"

struct contexts {
    EVP_MAC_CTX *hmac;
    EVP_MD_CTX *digest;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static EVP_MAC *hmac;
static EVP_MD *md5;
static _Thread_local struct contexts *mine;

static void contexts_free(void *arg) {
    struct contexts *c = arg;
    EVP_MAC_CTX_free(c->hmac);
    EVP_MD_CTX_free(c->digest);
    free(c);
}

static void fetch(void) {
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    ASSERT(hmac != NULL && md5 != NULL);
    ASSERT(pthread_key_create(&at_thread_end, contexts_free) == 0);
}

static struct contexts *contexts_of_thread(void) {
    if (mine != NULL)
        return mine;
    (void)pthread_once(&once, fetch);
    char sha1[] = "SHA1";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
                                 OSSL_PARAM_construct_end()};
    mine = MEM_NEW(struct contexts);
    mine->hmac = EVP_MAC_CTX_new(hmac);
    mine->digest = EVP_MD_CTX_new();
    ASSERT(mine->hmac != NULL && mine->digest != NULL && EVP_MAC_CTX_set_params(mine->hmac, params) == 1);
    ASSERT(pthread_setspecific(at_thread_end, mine) == 0);
    return mine;
}

void turn_hmac_sha1(struct slice key, const struct slice *parts, size_t count, uint8_t ret[TURN_SHA1_LEN]) {
    EVP_MAC_CTX *c = contexts_of_thread()->hmac;
    size_t len = 0;
    ASSERT(key.len > 0 && EVP_MAC_init(c, (const unsigned char *)key.ptr, key.len, NULL) == 1);
    for (size_t i = 0; i < count; i++)
        ASSERT(EVP_MAC_update(c, (const unsigned char *)parts[i].ptr, parts[i].len) == 1);
    ASSERT(EVP_MAC_final(c, ret, &len, TURN_SHA1_LEN) == 1 && len == TURN_SHA1_LEN);
}

void turn_md5(const struct slice *parts, size_t count, uint8_t ret[TURN_MD5_LEN]) {
    EVP_MD_CTX *c = contexts_of_thread()->digest;
    ASSERT(EVP_DigestInit_ex2(c, md5, NULL) == 1);
    for (size_t i = 0; i < count; i++)
        ASSERT(EVP_DigestUpdate(c, parts[i].ptr, parts[i].len) == 1);
    ASSERT(EVP_DigestFinal_ex(c, ret, NULL) == 1);
}
