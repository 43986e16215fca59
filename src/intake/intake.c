// SPDX-License-Identifier: MIT
#include "base/mem.h"
#include "intake/counts.h"
#include "intake/signers.h"
#include "intake/txn.h"

enum { KEYS_MAX = 1000 }; // of other relays, kept

struct intake *intake_new(const struct intake_settings *s) {
    struct intake *in = MEM_NEW(struct intake);
    intake_counts_register();
    in->config = s->config;
    in->store = s->store;
    in->accounts = s->accounts;
    in->crypt = s->crypt;
    in->dns = s->dns;
    in->signers = signers_new();
    in->keys = dkim_key_cache_new(KEYS_MAX);
    return in;
}

void intake_free(struct intake *in) {
    if (in == NULL)
        return;
    signers_free(in->signers);
    dkim_key_cache_free(in->keys);
    free(in);
}

void intake_set_signers(struct intake *in, const struct dkim_signer *signers, size_t n) {
    signers_replace(in->signers, signers, n);
}
