// SPDX-License-Identifier: MIT
// Allocation that cannot fail: running out of memory aborts. Sizes that a peer controls are capped before they get
// here.
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/panic.h"

static inline void *mem_alloc(size_t size) {
    void *p = malloc(size > 0 ? size : 1);
    ASSERT(p != NULL);
    return p;
}

// Zeroed memory for `n` objects of `size` octets.
static inline void *mem_zalloc(size_t n, size_t size) {
    void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);
    ASSERT(p != NULL);
    return p;
}

static inline void *mem_realloc(void *old, size_t size) {
    void *p = realloc(old, size > 0 ? size : 1);
    ASSERT(p != NULL);
    return p;
}

// A copy of `len` octets with a terminating NUL.
static inline char *mem_strndup(const char *s, size_t len) {
    char *p = mem_alloc(len + 1);
    if (len > 0)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

// Zeroed memory in pages of its own, for large blocks of which little may ever be used: a page that is not touched
// takes nothing. (calloc() writes to what it has from its heap.) Given back with mem_unmap() alone, and the same size.
static inline void *mem_map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(p != MAP_FAILED);
    return p;
}
static inline void mem_unmap(void *p, size_t size) {
    ASSERT(munmap(p, size) == 0);
}

#define MEM_NEW(type) ((type *)mem_zalloc(1, sizeof(type)))
