// SPDX-License-Identifier: MIT
#include "intake/identity.h"

#include <openssl/evp.h>

#include "base/panic.h"

// A field with its length before it: no two lists of fields give the same octets.
static void add(EVP_MD_CTX *ctx, const void *ptr, size_t len) {
    uint8_t frame[8];
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)((uint64_t)len >> (8 * (7 - i)));
    ASSERT(EVP_DigestUpdate(ctx, frame, sizeof(frame)) == 1);
    ASSERT(EVP_DigestUpdate(ctx, ptr, len) == 1);
}

static EVP_MD_CTX *begin(struct slice purpose) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    add(ctx, purpose.ptr, purpose.len);
    return ctx;
}

static void end(EVP_MD_CTX *ctx, uint8_t ret[IDENTITY_SIZE]) {
    ASSERT(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

void identity_of_message(struct slice reverse_path, struct slice message_id, const uint8_t body_sha256[32],
                         uint8_t ret[IDENTITY_SIZE]) {
    EVP_MD_CTX *ctx = begin(SLICE("martlet message 1"));
    add(ctx, reverse_path.ptr, reverse_path.len);
    add(ctx, message_id.ptr, message_id.len);
    add(ctx, body_sha256, 32);
    end(ctx, ret);
}

void identity_of_bounce(const uint8_t message[IDENTITY_SIZE], const struct recipients *r, uint8_t ret[IDENTITY_SIZE]) {
    EVP_MD_CTX *ctx = begin(SLICE("martlet bounce 1"));
    add(ctx, message, IDENTITY_SIZE);
    for (size_t i = 0; i < r->n; i++) {
        if (r->list[i].failed_status.len == 0)
            continue;
        add(ctx, r->list[i].mailbox.ptr, r->list[i].mailbox.len);
        add(ctx, r->list[i].failed_status.ptr, r->list[i].failed_status.len);
    }
    end(ctx, ret);
}
