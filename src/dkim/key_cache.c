// SPDX-License-Identifier: MIT
// Keys by query name: a chained hash and a list by last use, under one lock. Not base/table.h, whose values are
// forgotten without a word: these hold references.
#include "dkim/key_cache.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"

struct entry {
    struct list recent;
    struct entry *next; // in its bucket
    struct hash128 name;
    struct dkim_key *key;
    int64_t until_s;
};

struct dkim_key_cache {
    pthread_mutex_t lock;
    struct list recent; // least recently used first
    size_t n, max, n_buckets;
    struct entry **buckets;
};

struct dkim_key_cache *dkim_key_cache_new(size_t max_entries) {
    ASSERT(max_entries > 0);
    struct dkim_key_cache *cache = MEM_NEW(struct dkim_key_cache);
    pthread_mutex_init(&cache->lock, NULL);
    list_init(&cache->recent);
    cache->max = cache->n_buckets = max_entries;
    cache->buckets = mem_zalloc(cache->n_buckets, sizeof(struct entry *));
    return cache;
}

static struct hash128 hash_name(struct slice name) {
    char lower[256] = {0};
    ASSERT(name.len < sizeof(lower));
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    return hash_keyed(lower, name.len);
}

// The link that points to the entry of that name, or to NULL at the end of its chain.
static struct entry **find(struct dkim_key_cache *cache, struct hash128 name) {
    struct entry **link = &cache->buckets[name.lo % cache->n_buckets];
    while (*link != NULL && ((*link)->name.lo != name.lo || (*link)->name.hi != name.hi))
        link = &(*link)->next;
    return link;
}

static void remove_at(struct dkim_key_cache *cache, struct entry **link) {
    struct entry *e = *link;
    *link = e->next;
    list_remove(&e->recent);
    dkim_key_unref(e->key);
    free(e);
    cache->n--;
}

static void remove_oldest(struct dkim_key_cache *cache) {
    struct entry *e = CONTAINER_OF(cache->recent.next, struct entry, recent);
    remove_at(cache, find(cache, e->name));
}

void dkim_key_cache_free(struct dkim_key_cache *cache) {
    if (cache == NULL)
        return;
    while (cache->n > 0)
        remove_oldest(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache);
}

struct dkim_key *dkim_key_cache_get(struct dkim_key_cache *cache, struct slice name, int64_t now_s) {
    struct hash128 hash = hash_name(name);
    struct dkim_key *key = NULL;
    pthread_mutex_lock(&cache->lock);
    struct entry **link = find(cache, hash), *e = *link;
    if (e != NULL && e->until_s <= now_s) {
        remove_at(cache, link);
    } else if (e != NULL) {
        list_remove(&e->recent);
        list_append(&cache->recent, &e->recent);
        key = dkim_key_ref(e->key);
    }
    pthread_mutex_unlock(&cache->lock);
    return key;
}

void dkim_key_cache_put(struct dkim_key_cache *cache, struct slice name, struct dkim_key *key, int64_t now_s,
                        uint32_t ttl_s) {
    struct hash128 hash = hash_name(name);
    if (ttl_s == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    struct entry **link = find(cache, hash);
    if (*link != NULL)
        remove_at(cache, link);
    while (cache->n >= cache->max)
        remove_oldest(cache);
    struct entry *e = MEM_NEW(struct entry);
    e->name = hash;
    e->key = dkim_key_ref(key);
    e->until_s = now_s + (ttl_s < DKIM_KEY_CACHE_TTL_MAX_S ? ttl_s : DKIM_KEY_CACHE_TTL_MAX_S);
    list_append(&cache->recent, &e->recent);
    struct entry **bucket = &cache->buckets[hash.lo % cache->n_buckets];
    e->next = *bucket;
    *bucket = e;
    cache->n++;
    pthread_mutex_unlock(&cache->lock);
}

void dkim_key_cache_drop(struct dkim_key_cache *cache, struct slice name, const struct dkim_key *key) {
    struct hash128 hash = hash_name(name);
    pthread_mutex_lock(&cache->lock);
    struct entry **link = find(cache, hash);
    if (*link != NULL && (*link)->key == key)
        remove_at(cache, link);
    pthread_mutex_unlock(&cache->lock);
}

size_t dkim_key_cache_count(struct dkim_key_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    size_t n = cache->n;
    pthread_mutex_unlock(&cache->lock);
    return n;
}
