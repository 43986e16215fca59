// SPDX-License-Identifier: MIT
// The current snapshot and those before it that somebody still sends from. There is one as a rule, two for moments
// after a reload, so a list under one lock is all it takes.
#include <pthread.h>

#include "base/list.h"
#include "base/mem.h"
#include "http/pages/pages.h"

struct version {
    struct list link; // in page_store.versions; the current one is the last
    struct pages *pages;
    size_t refs; // of readers; the store keeps the current one whatever this says
};

struct page_store {
    pthread_mutex_t lock;
    struct list versions;
};

static struct version *current(struct page_store *s) {
    return CONTAINER_OF(s->versions.prev, struct version, link);
}

static void add_version(struct page_store *s, struct pages *p) {
    struct version *v = MEM_NEW(struct version);
    v->pages = p;
    list_append(&s->versions, &v->link);
}

static void drop_version(struct version *v) {
    list_remove(&v->link);
    pages_free(v->pages);
    free(v);
}

struct page_store *page_store_new(struct pages *first) {
    struct page_store *s = MEM_NEW(struct page_store);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    list_init(&s->versions);
    add_version(s, first);
    return s;
}

void page_store_replace(struct page_store *s, struct pages *next) {
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct version *old = current(s);
    add_version(s, next);
    if (old->refs == 0)
        drop_version(old);
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

const struct pages *page_store_acquire(struct page_store *s) {
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct version *v = current(s);
    v->refs++;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    return v->pages;
}

void page_store_release(struct page_store *s, const struct pages *p) {
    if (p == NULL)
        return;
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct version *found = NULL;
    LIST_FOREACH(node, &s->versions) {
        struct version *v = CONTAINER_OF(node, struct version, link);
        if (v->pages == p)
            found = v;
    }
    ASSERT(found != NULL && found->refs > 0);
    if (--found->refs == 0 && found != current(s))
        drop_version(found);
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

void page_store_free(struct page_store *s) {
    if (s == NULL)
        return;
    LIST_FOREACH(node, &s->versions) {
        struct version *v = CONTAINER_OF(node, struct version, link);
        ASSERT(v->refs == 0);
        drop_version(v);
    }
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
