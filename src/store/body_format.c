// SPDX-License-Identifier: MIT
#include "store/body_format.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { NONCE_LEN = 12 };

static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher;

// Fetched once: a fetch for every chunk takes a lock that all threads share.
static void fetch_cipher(void) {
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    ASSERT(cipher != NULL);
}

uint64_t body_chunks(uint64_t size) {
    return size == 0 ? 1 : (size + BODY_CHUNK - 1) / BODY_CHUNK;
}

uint64_t body_sealed_size(uint64_t size) {
    return size + body_chunks(size) * BODY_TAG_LEN;
}

size_t body_chunk_len(uint64_t size, uint64_t index) {
    ASSERT(index < body_chunks(size));
    uint64_t rest = size - index * BODY_CHUNK;
    return rest < BODY_CHUNK ? (size_t)rest : BODY_CHUNK;
}

static void make_nonce(uint64_t index, bool last, uint8_t ret[NONCE_LEN]) {
    ASSERT(index <= UINT32_MAX);
    memset(ret, 0, NONCE_LEN);
    for (int i = 0; i < 4; i++)
        ret[7 + i] = (uint8_t)(index >> (24 - 8 * i));
    ret[11] = last ? 1 : 0;
}

// A context with key, nonce and the format octet as additional data.
static EVP_CIPHER_CTX *begin(const uint8_t key[BODY_KEY_LEN], uint64_t index, bool last, bool seal) {
    static const uint8_t format = BODY_FORMAT;
    ASSERT(pthread_once(&cipher_once, fetch_cipher) == 0);
    uint8_t nonce[NONCE_LEN];
    make_nonce(index, last, nonce);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    ASSERT(ctx != NULL && EVP_CipherInit_ex2(ctx, cipher, key, nonce, seal ? 1 : 0, NULL) == 1);
    ASSERT(EVP_CipherUpdate(ctx, NULL, &n, &format, 1) == 1);
    return ctx;
}

void body_chunk_seal(const uint8_t key[BODY_KEY_LEN], uint64_t index, bool last, const void *plain, size_t len,
                     void *ret) {
    ASSERT(last ? len <= BODY_CHUNK : len == BODY_CHUNK);
    EVP_CIPHER_CTX *ctx = begin(key, index, last, true);
    uint8_t *out = ret;
    int n = 0, rest = 0;
    if (len > 0)
        ASSERT(EVP_CipherUpdate(ctx, out, &n, plain, (int)len) == 1);
    ASSERT(EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == len);
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, BODY_TAG_LEN, out + len) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

bool body_chunk_open(const uint8_t key[BODY_KEY_LEN], uint64_t index, bool last, const void *sealed, size_t len,
                     void *ret) {
    if (last ? len > BODY_CHUNK : len != BODY_CHUNK)
        return false;
    EVP_CIPHER_CTX *ctx = begin(key, index, last, false);
    const uint8_t *in = sealed;
    uint8_t tag[BODY_TAG_LEN];
    memcpy(tag, in + len, sizeof(tag));
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, BODY_TAG_LEN, tag) == 1);
    uint8_t none;
    int n = 0, rest = 0;
    if (len > 0)
        ASSERT(EVP_CipherUpdate(ctx, ret, &n, in, (int)len) == 1);
    bool ok = EVP_CipherFinal_ex(ctx, len > 0 ? (uint8_t *)ret + n : &none, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool read_fully(int fd, uint64_t offset, uint8_t *ret, size_t len) {
    while (len > 0) {
        ssize_t n = pread(fd, ret, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        ret += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

// Opens chunk `index` into ret (room for BODY_CHUNK); `scratch` has room for a sealed chunk.
static bool open_chunk(const struct body_source *s, uint64_t index, uint8_t *scratch, uint8_t *ret) {
    size_t len = body_chunk_len(s->size, index);
    uint64_t at = index * BODY_SEALED_CHUNK;
    const uint8_t *sealed = scratch;
    if (s->data == NULL) {
        if (!read_fully(s->fd, at, scratch, len + BODY_TAG_LEN))
            return false;
    } else {
        if (at > s->data_len || s->data_len - at < len + BODY_TAG_LEN)
            return false;
        sealed = (const uint8_t *)s->data + at;
    }
    return body_chunk_open(s->key, index, index + 1 == body_chunks(s->size), sealed, len, ret);
}

bool body_source_read(const struct body_source *s, uint64_t offset, size_t len, void *ret, size_t *ret_len) {
    if (s->size > BODY_SIZE_MAX || (s->data != NULL && s->data_len != body_sealed_size(s->size)))
        return false;
    if (offset >= s->size)
        len = 0;
    else if (len > s->size - offset)
        len = (size_t)(s->size - offset);
    uint8_t *scratch = s->data == NULL ? mem_alloc(BODY_SEALED_CHUNK) : NULL;
    uint8_t *plain = mem_alloc(BODY_CHUNK);
    size_t got = 0;
    bool ok = true;
    while (ok && got < len) {
        uint64_t index = (offset + got) / BODY_CHUNK;
        size_t skip = (size_t)((offset + got) % BODY_CHUNK);
        size_t n = body_chunk_len(s->size, index) - skip;
        if (n > len - got)
            n = len - got;
        ok = open_chunk(s, index, scratch, plain);
        if (ok)
            memcpy((uint8_t *)ret + got, plain + skip, n);
        got += n;
    }
    free(scratch);
    free(plain);
    *ret_len = len;
    return ok;
}
