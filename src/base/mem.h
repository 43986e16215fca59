// SPDX-License-Identifier: MIT
// Allocation that cannot fail: running out of memory aborts. Sizes that a peer controls are capped before they get
// here.
#pragma once

#include <stdlib.h>
#include <string.h>

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

#define MEM_NEW(type) ((type *)mem_zalloc(1, sizeof(type)))
