// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"

enum { ARENA_CHUNK_SIZE = 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, cap;
    alignas(max_align_t) char mem[];
};

void arena_init(struct arena *a, size_t max) {
    *a = (struct arena){.max = max};
}

void arena_reset(struct arena *a) {
    while (a->head != NULL) {
        struct arena_chunk *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > a->max || a->used > a->max - size)
        return NULL;
    size_t step = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_chunk *c = a->head;
    if (c == NULL || c->cap - c->used < step) {
        size_t cap = step > ARENA_CHUNK_SIZE ? step : ARENA_CHUNK_SIZE;
        c = mem_alloc(sizeof(*c) + cap);
        c->used = 0;
        c->cap = cap;
        c->next = a->head;
        a->head = c;
    }
    void *p = c->mem + c->used;
    c->used += step;
    a->used += size;
    memset(p, 0, size);
    return p;
}

struct slice arena_copy(struct arena *a, struct slice s) {
    char *p = arena_alloc(a, s.len + 1);
    if (p == NULL)
        return (struct slice){NULL, 0};
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return slice_make(p, s.len);
}
