// SPDX-License-Identifier: MIT
#include "http/web/challenge.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"

struct challenge {
    size_t token_len, text_len; // token_len 0: the place is free
    uint64_t set_ms;
    char token[CHALLENGE_TOKEN_MAX], text[CHALLENGE_TEXT_MAX];
};

struct challenges {
    pthread_mutex_t lock;
    struct challenge table[CHALLENGES_MAX];
};

struct challenges *challenges_new(void) {
    struct challenges *c = MEM_NEW(struct challenges);
    ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    return c;
}

void challenges_free(struct challenges *c) {
    if (c == NULL)
        return;
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static void lock(struct challenges *c) {
    ASSERT(pthread_mutex_lock(&c->lock) == 0);
}

static void unlock(struct challenges *c) {
    ASSERT(pthread_mutex_unlock(&c->lock) == 0);
}

// RFC 8555 section 8.3: the base64url alphabet.
static bool is_token(struct slice s) {
    if (s.len == 0 || s.len > CHALLENGE_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_')
            return false;
    return true;
}

static bool is_alive(const struct challenge *e) {
    return e->token_len > 0 && clock_mono_ms() - e->set_ms < CHALLENGE_LIFE_MS;
}

static struct challenge *find(struct challenges *c, struct slice token) {
    for (size_t i = 0; i < CHALLENGES_MAX; i++)
        if (is_alive(&c->table[i]) && slice_eq(slice_make(c->table[i].token, c->table[i].token_len), token))
            return &c->table[i];
    return NULL;
}

static struct challenge *find_place(struct challenges *c) {
    for (size_t i = 0; i < CHALLENGES_MAX; i++)
        if (!is_alive(&c->table[i]))
            return &c->table[i];
    return NULL;
}

bool challenges_set(struct challenges *c, struct slice token, struct slice text) {
    if (!is_token(token) || text.len == 0 || text.len > CHALLENGE_TEXT_MAX)
        return false;
    lock(c);
    struct challenge *e = find(c, token);
    if (e == NULL)
        e = find_place(c);
    if (e != NULL) {
        *e = (struct challenge){.token_len = token.len, .text_len = text.len, .set_ms = clock_mono_ms()};
        memcpy(e->token, token.ptr, token.len);
        memcpy(e->text, text.ptr, text.len);
    }
    unlock(c);
    return e != NULL;
}

void challenges_clear(struct challenges *c, struct slice token) {
    lock(c);
    struct challenge *e = find(c, token);
    if (e != NULL)
        *e = (struct challenge){0};
    unlock(c);
}

bool challenges_find(struct challenges *c, struct slice token, char ret_text[CHALLENGE_TEXT_MAX + 1]) {
    lock(c);
    const struct challenge *e = find(c, token);
    if (e != NULL) {
        memcpy(ret_text, e->text, e->text_len);
        ret_text[e->text_len] = '\0';
    }
    unlock(c);
    return e != NULL;
}
