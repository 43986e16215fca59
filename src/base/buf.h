// SPDX-License-Identifier: MIT
// A growing buffer that owns its octets and is given a maximum at birth. It holds memory only while it holds octets:
// consuming the last one frees it, so an idle owner costs nothing.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

struct buf {
    char *mem;    // start of the allocation, or NULL
    size_t start; // offset of the first octet held
    size_t len;   // octets held
    size_t cap;   // size of the allocation
    size_t max;   // len never exceeds this
};

void buf_init(struct buf *b, size_t max);
// Frees the memory; the buffer can be used again with the same maximum. A zeroed buffer is accepted.
void buf_done(struct buf *b);

// Append. False, and nothing appended, when the maximum would be exceeded.
MUST_USE bool buf_append(struct buf *b, const char *ptr, size_t len);
MUST_USE bool buf_append_slice(struct buf *b, struct slice s);
MUST_USE bool buf_append_cstr(struct buf *b, const char *s);
MUST_USE bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
MUST_USE bool buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

// Room for `len` more octets at the end, to be filled by the caller and then claimed with buf_added(). NULL over the
// maximum.
MUST_USE char *buf_reserve(struct buf *b, size_t len);
void buf_added(struct buf *b, size_t len);

// Drops `n` octets (n <= len) from the front / shortens to `len` octets.
void buf_consume(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t len);

// What the buffer holds, valid until the next change of the buffer.
struct slice buf_slice(const struct buf *b);
