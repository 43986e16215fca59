// SPDX-License-Identifier: MIT
// A plain table: looking through all keys takes a microsecond, beside a handshake that takes hundreds.
#include "net/tls_sessions.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/tls_client.h"

struct entry {
    struct hash128 key;
    unsigned char *octets; // NULL: free
    size_t len;
    uint64_t born_ms, used_ms;
};

struct tls_sessions {
    pthread_mutex_t lock;
    size_t max, n; // entries beyond n were never used
    struct entry *entries;
};

struct tls_sessions *tls_sessions_new(size_t max) {
    struct tls_sessions *s = MEM_NEW(struct tls_sessions);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    s->max = max;
    s->entries = mem_zalloc(max, sizeof(struct entry));
    return s;
}

static void lock(struct tls_sessions *s) {
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
}

static void unlock(struct tls_sessions *s) {
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

static void drop(struct entry *e) {
    free(e->octets);
    *e = (struct entry){0};
}

static struct entry *find(struct tls_sessions *s, struct hash128 key) {
    for (size_t i = 0; i < s->n; i++) {
        struct entry *e = &s->entries[i];
        if (e->octets != NULL && e->key.lo == key.lo && e->key.hi == key.hi)
            return e;
    }
    return NULL;
}

// The entry of this key, or a free one, or the one longest unused.
static struct entry *place_for(struct tls_sessions *s, struct hash128 key) {
    struct entry *best = find(s, key);
    if (best != NULL)
        return best;
    if (s->n < s->max)
        return &s->entries[s->n++];
    for (size_t i = 0; i < s->n; i++)
        if (best == NULL || s->entries[i].octets == NULL || s->entries[i].used_ms < best->used_ms) {
            best = &s->entries[i];
            if (best->octets == NULL)
                break;
        }
    return best;
}

void tls_sessions_put(struct tls_sessions *s, struct hash128 key, SSL_SESSION *session) {
    int len = SSL_SESSION_is_resumable(session) ? i2d_SSL_SESSION(session, NULL) : 0;
    if (len <= 0 || len > TLS_CLIENT_SESSION_MAX || s->max == 0)
        return;
    struct entry fresh = {.key = key, .len = (size_t)len, .octets = mem_alloc((size_t)len)};
    unsigned char *end = fresh.octets;
    ASSERT(i2d_SSL_SESSION(session, &end) == len);
    fresh.born_ms = fresh.used_ms = clock_mono_ms();
    lock(s);
    struct entry *e = place_for(s, key);
    drop(e);
    *e = fresh;
    unlock(s);
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *s, struct hash128 key) {
    SSL_SESSION *session = NULL;
    uint64_t now = clock_mono_ms();
    lock(s);
    struct entry *e = find(s, key);
    if (e != NULL && now - e->born_ms < TLS_CLIENT_SESSION_LIFE_MS) {
        const unsigned char *octets = e->octets;
        session = d2i_SSL_SESSION(NULL, &octets, (long)e->len);
        e->used_ms = now;
    }
    if (e != NULL && (session == NULL || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION))
        drop(e);
    unlock(s);
    return session;
}

void tls_sessions_forget(struct tls_sessions *s, struct hash128 key) {
    lock(s);
    struct entry *e = find(s, key);
    if (e != NULL)
        drop(e);
    unlock(s);
}

void tls_sessions_clear(struct tls_sessions *s) {
    lock(s);
    for (size_t i = 0; i < s->n; i++)
        drop(&s->entries[i]);
    s->n = 0;
    unlock(s);
}

void tls_sessions_free(struct tls_sessions *s) {
    if (s == NULL)
        return;
    tls_sessions_clear(s);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->entries);
    free(s);
}
