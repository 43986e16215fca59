// SPDX-License-Identifier: MIT
// Each shard is a chained hash map whose entries also stand in a list in order of last use.
#include "base/table.h"

#include <pthread.h>
#include <stdalign.h>
#include <stddef.h>

#include "base/list.h"
#include "base/mem.h"

enum { TABLE_SHARDS = 16, TABLE_FIRST_BUCKETS = 16 };

struct entry {
    struct list by_use;
    struct entry *next;
    struct hash128 key;
    bool pinned;
    alignas(max_align_t) char value[];
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t n_buckets; // a power of two
    size_t count;
    struct list by_use; // least recently used first
};

struct table {
    size_t value_size;
    size_t max_per_shard;
    struct shard shards[TABLE_SHARDS];
};

struct table *table_new(size_t value_size, size_t max_entries) {
    struct table *t = MEM_NEW(struct table);
    pthread_mutexattr_t checked; // an unlock without a lock is a bug that would otherwise show as damage much later
    ASSERT(pthread_mutexattr_init(&checked) == 0);
    ASSERT(pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK) == 0);
    t->value_size = value_size;
    t->max_per_shard = (max_entries + TABLE_SHARDS - 1) / TABLE_SHARDS;
    for (size_t i = 0; i < TABLE_SHARDS; i++) {
        struct shard *s = &t->shards[i];
        ASSERT(pthread_mutex_init(&s->lock, &checked) == 0);
        list_init(&s->by_use);
        s->n_buckets = TABLE_FIRST_BUCKETS;
        s->buckets = mem_zalloc(s->n_buckets, sizeof(struct entry *));
    }
    (void)pthread_mutexattr_destroy(&checked);
    return t;
}

void table_free(struct table *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < TABLE_SHARDS; i++) {
        struct shard *s = &t->shards[i];
        LIST_FOREACH(node, &s->by_use)
        free(CONTAINER_OF(node, struct entry, by_use));
        free(s->buckets);
        (void)pthread_mutex_destroy(&s->lock);
    }
    free(t);
}

static struct shard *shard_of(struct table *t, struct hash128 key) {
    return &t->shards[key.hi % TABLE_SHARDS];
}

// The link that points to the entry of `key`, or the NULL link at the end of its chain.
static struct entry **find(struct shard *s, struct hash128 key) {
    struct entry **link = &s->buckets[key.lo & (s->n_buckets - 1)];
    while (*link != NULL && ((*link)->key.lo != key.lo || (*link)->key.hi != key.hi))
        link = &(*link)->next;
    return link;
}

static void drop(struct shard *s, struct entry **link) {
    struct entry *e = *link;
    *link = e->next;
    list_remove(&e->by_use);
    free(e);
    s->count--;
}

static bool make_room(struct shard *s) {
    LIST_FOREACH(node, &s->by_use) {
        struct entry *e = CONTAINER_OF(node, struct entry, by_use);
        if (!e->pinned) {
            drop(s, find(s, e->key));
            return true;
        }
    }
    return false;
}

static void grow(struct shard *s) {
    size_t n = s->n_buckets * 2;
    struct entry **buckets = mem_zalloc(n, sizeof(struct entry *));
    LIST_FOREACH(node, &s->by_use) {
        struct entry *e = CONTAINER_OF(node, struct entry, by_use);
        e->next = buckets[e->key.lo & (n - 1)];
        buckets[e->key.lo & (n - 1)] = e;
    }
    free(s->buckets);
    s->buckets = buckets;
    s->n_buckets = n;
}

void *table_lock(struct table *t, struct hash128 key, bool create, bool *ret_created) {
    struct shard *s = shard_of(t, key);
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct entry *e = *find(s, key);
    bool created = false;
    if (e == NULL && create && (s->count < t->max_per_shard || make_room(s))) {
        if (s->count >= s->n_buckets)
            grow(s);
        e = mem_zalloc(1, sizeof(*e) + t->value_size);
        e->key = key;
        list_init(&e->by_use);
        struct entry **link = &s->buckets[key.lo & (s->n_buckets - 1)];
        e->next = *link;
        *link = e;
        s->count++;
        created = true;
    }
    if (e == NULL) {
        ASSERT(pthread_mutex_unlock(&s->lock) == 0);
        return NULL;
    }
    list_remove(&e->by_use);
    list_append(&s->by_use, &e->by_use);
    if (ret_created != NULL)
        *ret_created = created;
    return e->value;
}

void table_unlock(struct table *t, struct hash128 key) {
    ASSERT(pthread_mutex_unlock(&shard_of(t, key)->lock) == 0);
}

void table_pin(struct table *t, struct hash128 key, bool pinned) {
    struct entry *e = *find(shard_of(t, key), key);
    ASSERT(e != NULL);
    e->pinned = pinned;
}

void table_remove(struct table *t, struct hash128 key) {
    struct shard *s = shard_of(t, key);
    struct entry **link = find(s, key);
    if (*link != NULL)
        drop(s, link);
}

size_t table_count(struct table *t) {
    size_t n = 0;
    for (size_t i = 0; i < TABLE_SHARDS; i++) {
        ASSERT(pthread_mutex_lock(&t->shards[i].lock) == 0);
        n += t->shards[i].count;
        ASSERT(pthread_mutex_unlock(&t->shards[i].lock) == 0);
    }
    return n;
}
