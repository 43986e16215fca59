// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { BUF_FIRST_SIZE = 256 };

void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b) {
    free(b->mem);
    *b = (struct buf){.max = b->max};
}

char *buf_reserve(struct buf *b, size_t len) {
    size_t need;
    if (__builtin_add_overflow(b->len, len, &need) || need > b->max)
        return NULL;
    if (b->mem != NULL && b->start > 0 && b->start + need > b->cap) {
        memmove(b->mem, b->mem + b->start, b->len);
        b->start = 0;
    }
    if (b->mem == NULL || need > b->cap - b->start) {
        size_t cap = b->cap > 0 ? b->cap : BUF_FIRST_SIZE;
        while (cap < need)
            cap *= 2;
        b->mem = mem_realloc(b->mem, cap);
        b->cap = cap;
    }
    return b->mem + b->start + b->len;
}

void buf_added(struct buf *b, size_t len) {
    ASSERT(b->start + b->len + len <= b->cap);
    b->len += len;
}

bool buf_append(struct buf *b, const char *ptr, size_t len) {
    if (len == 0)
        return true;
    char *room = buf_reserve(b, len);
    if (room == NULL)
        return false;
    memcpy(room, ptr, len);
    b->len += len;
    return true;
}

bool buf_append_slice(struct buf *b, struct slice s) {
    return buf_append(b, s.ptr, s.len);
}

bool buf_append_cstr(struct buf *b, const char *s) {
    return buf_append(b, s, strlen(s));
}

bool buf_vprintf(struct buf *b, const char *fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    char small[512];
    int n = vsnprintf(small, sizeof(small), fmt, args);
    ASSERT(n >= 0);
    bool ok;
    if ((size_t)n < sizeof(small)) {
        ok = buf_append(b, small, (size_t)n);
    } else {
        // Not printed in place: the NUL would need an octet that the maximum may not have.
        char *text = (size_t)n <= b->max - b->len ? mem_alloc((size_t)n + 1) : NULL;
        ok = text != NULL;
        if (ok) {
            (void)vsnprintf(text, (size_t)n + 1, fmt, again);
            ok = buf_append(b, text, (size_t)n);
            free(text);
        }
    }
    va_end(again);
    return ok;
}

bool buf_printf(struct buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(b, fmt, args);
    va_end(args);
    return ok;
}

void buf_consume(struct buf *b, size_t n) {
    ASSERT(n <= b->len);
    b->start += n;
    b->len -= n;
    if (b->len == 0)
        buf_done(b);
}

void buf_truncate(struct buf *b, size_t len) {
    ASSERT(len <= b->len);
    b->len = len;
    if (len == 0)
        buf_done(b);
}

struct slice buf_slice(const struct buf *b) {
    return b->len > 0 ? slice_make(b->mem + b->start, b->len) : SLICE_EMPTY;
}
