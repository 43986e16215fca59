// SPDX-License-Identifier: MIT
// The current configuration and those before it that somebody still reads. There is one as a rule, two for moments
// after a reload, so a list under one lock is all it takes.
#include <pthread.h>

#include "base/list.h"
#include "base/mem.h"
#include "config/config.h"

struct version {
    struct list link; // in config_holder.versions; the current one is the last
    struct config *config;
    size_t refs; // of readers; the holder keeps the current one whatever this says
};

struct config_holder {
    pthread_mutex_t lock;
    struct list versions;
};

static struct version *current(struct config_holder *h) {
    return CONTAINER_OF(h->versions.prev, struct version, link);
}

static void add_version(struct config_holder *h, struct config *c) {
    struct version *v = MEM_NEW(struct version);
    v->config = c;
    list_append(&h->versions, &v->link);
}

static void drop_version(struct version *v) {
    list_remove(&v->link);
    config_free(v->config);
    free(v);
}

struct config_holder *config_holder_new(struct config *first) {
    struct config_holder *h = MEM_NEW(struct config_holder);
    ASSERT(pthread_mutex_init(&h->lock, NULL) == 0);
    list_init(&h->versions);
    add_version(h, first);
    return h;
}

void config_holder_replace(struct config_holder *h, struct config *next) {
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    struct version *old = current(h);
    add_version(h, next);
    if (old->refs == 0)
        drop_version(old);
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
}

const struct config *config_acquire(struct config_holder *h) {
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    struct version *v = current(h);
    v->refs++;
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
    return v->config;
}

void config_release(struct config_holder *h, const struct config *c) {
    if (c == NULL)
        return;
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    struct version *found = NULL;
    LIST_FOREACH(node, &h->versions) {
        struct version *v = CONTAINER_OF(node, struct version, link);
        if (v->config == c)
            found = v;
    }
    ASSERT(found != NULL && found->refs > 0);
    if (--found->refs == 0 && found != current(h))
        drop_version(found);
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
}

void config_holder_free(struct config_holder *h) {
    if (h == NULL)
        return;
    LIST_FOREACH(node, &h->versions) {
        struct version *v = CONTAINER_OF(node, struct version, link);
        ASSERT(v->refs == 0);
        drop_version(v);
    }
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}
