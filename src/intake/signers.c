// SPDX-License-Identifier: MIT
#include "intake/signers.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"

struct counted_set {
    struct signer_set set; // first
    atomic_size_t refs;
};

struct signers {
    pthread_mutex_t lock;
    struct counted_set *now;
};

static struct counted_set *set_new(const struct dkim_signer *list, size_t n) {
    ASSERT(n <= DKIM_SIGNERS_MAX);
    struct counted_set *c = MEM_NEW(struct counted_set);
    atomic_init(&c->refs, 1);
    c->set.n = n;
    for (size_t i = 0; i < n; i++) {
        c->set.signers[i].key = dkim_private_key_ref(list[i].key);
        c->set.signers[i].selector = slice_make(slice_dup(list[i].selector), list[i].selector.len);
    }
    return c;
}

struct signers *signers_new(void) {
    struct signers *s = MEM_NEW(struct signers);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    s->now = set_new(NULL, 0);
    return s;
}

void signers_free(struct signers *s) {
    if (s == NULL)
        return;
    signers_release(&s->now->set);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void signers_replace(struct signers *s, const struct dkim_signer *list, size_t n) {
    struct counted_set *next = set_new(list, n);
    pthread_mutex_lock(&s->lock);
    struct counted_set *before = s->now;
    s->now = next;
    pthread_mutex_unlock(&s->lock);
    signers_release(&before->set);
}

const struct signer_set *signers_acquire(struct signers *s) {
    pthread_mutex_lock(&s->lock);
    struct counted_set *c = s->now;
    atomic_fetch_add(&c->refs, 1);
    pthread_mutex_unlock(&s->lock);
    return &c->set;
}

void signers_release(const struct signer_set *set) {
    struct counted_set *c = CONTAINER_OF((struct signer_set *)set, struct counted_set, set);
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    for (size_t i = 0; i < c->set.n; i++) {
        dkim_private_key_unref(c->set.signers[i].key);
        free((char *)c->set.signers[i].selector.ptr);
    }
    free(c);
}
