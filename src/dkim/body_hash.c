// SPDX-License-Identifier: MIT
// The SHA-256 of a canonical body: a canonicaliser, a limit (l=), a hash.
#include "dkim/body_hash.h"

#include "base/mem.h"
#include "dkim/canon.h"
#include "dkim/sha256.h"

struct dkim_body_hash {
    struct dkim_canon_body canon;
    uint64_t limit;  // canonical octets that count
    uint64_t total;  // canonical octets so far
    EVP_MD_CTX *ctx; // NULL after the end
};

static void on_canonical(void *arg, const char *ptr, size_t len) {
    struct dkim_body_hash *h = arg;
    uint64_t room = h->total < h->limit ? h->limit - h->total : 0;
    h->total += len;
    if (room > 0)
        dkim_sha256_update(h->ctx, ptr, len < room ? len : (size_t)room);
}

struct dkim_body_hash *dkim_body_hash_new(enum dkim_canon how, bool has_length, uint64_t length) {
    struct dkim_body_hash *h = MEM_NEW(struct dkim_body_hash);
    dkim_canon_body_init(&h->canon, how);
    h->limit = has_length ? length : UINT64_MAX;
    h->ctx = dkim_sha256_new();
    return h;
}

void dkim_body_hash_free(struct dkim_body_hash *h) {
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

struct dkim_body_hash *dkim_body_hash_copy(const struct dkim_body_hash *h) {
    struct dkim_body_hash *copy = MEM_NEW(struct dkim_body_hash);
    *copy = *h;
    copy->ctx = EVP_MD_CTX_new();
    ASSERT(copy->ctx != NULL);
    int ok = EVP_MD_CTX_copy_ex(copy->ctx, h->ctx);
    ASSERT(ok == 1);
    return copy;
}

void dkim_body_hash_update(struct dkim_body_hash *h, struct slice octets) {
    ASSERT(h->ctx != NULL);
    dkim_canon_body_update(&h->canon, octets, (struct dkim_sink){on_canonical, h});
}

void dkim_body_hash_finish(struct dkim_body_hash *h, uint8_t ret_hash[DKIM_HASH_LEN], uint64_t *ret_covered,
                           uint64_t *ret_total) {
    ASSERT(h->ctx != NULL);
    dkim_canon_body_finish(&h->canon, (struct dkim_sink){on_canonical, h});
    dkim_sha256_finish(h->ctx, ret_hash);
    h->ctx = NULL;
    if (ret_covered != NULL)
        *ret_covered = h->total < h->limit ? h->total : h->limit;
    if (ret_total != NULL)
        *ret_total = h->total;
}
