// SPDX-License-Identifier: MIT
#include "base/slice.h"

#include <string.h>

#include "base/mem.h"

struct slice slice_make(const char *ptr, size_t len) {
    return (struct slice){ptr, len};
}

struct slice slice_from_cstr(const char *s) {
    return (struct slice){s, strlen(s)};
}

struct slice slice_sub(struct slice s, size_t from, size_t to) {
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    // Nothing is added to the NULL of an empty slice.
    return (struct slice){from > 0 ? s.ptr + from : s.ptr, to - from};
}

bool slice_eq(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_eq_ci(struct slice a, struct slice b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

bool slice_starts_with(struct slice s, struct slice prefix) {
    return s.len >= prefix.len && slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_starts_with_ci(struct slice s, struct slice prefix) {
    return s.len >= prefix.len && slice_eq_ci(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends_with(struct slice s, struct slice suffix) {
    return s.len >= suffix.len && slice_eq(slice_sub(s, s.len - suffix.len, s.len), suffix);
}

bool slice_ends_with_ci(struct slice s, struct slice suffix) {
    return s.len >= suffix.len && slice_eq_ci(slice_sub(s, s.len - suffix.len, s.len), suffix);
}

int slice_cmp(struct slice a, struct slice b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

size_t slice_find(struct slice s, char c) {
    const char *p = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return p != NULL ? (size_t)(p - s.ptr) : s.len;
}

size_t slice_rfind(struct slice s, char c) {
    const char *p = s.len > 0 ? memrchr(s.ptr, c, s.len) : NULL;
    return p != NULL ? (size_t)(p - s.ptr) : s.len;
}

size_t slice_find_slice(struct slice s, struct slice needle) {
    if (needle.len == 0)
        return 0;
    const char *p = s.len >= needle.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return p != NULL ? (size_t)(p - s.ptr) : s.len;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s) {
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool slice_cut(struct slice s, char c, struct slice *ret_head, struct slice *ret_tail) {
    size_t at = slice_find(s, c);
    bool found = at < s.len;
    *ret_head = slice_sub(s, 0, at);
    *ret_tail = slice_sub(s, found ? at + 1 : at, s.len);
    return found;
}

struct slice slice_next_word(struct slice *s) {
    size_t i = 0;
    while (i < s->len && (s->ptr[i] == ' ' || s->ptr[i] == '\t'))
        i++;
    size_t start = i;
    while (i < s->len && s->ptr[i] != ' ' && s->ptr[i] != '\t')
        i++;
    struct slice word = slice_sub(*s, start, i);
    *s = slice_sub(*s, i, s->len);
    return word;
}

bool slice_to_u64(struct slice s, uint64_t *ret) {
    if (s.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i]))
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

bool slice_to_u32(struct slice s, uint32_t *ret) {
    uint64_t value;
    if (!slice_to_u64(s, &value) || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

char *slice_dup(struct slice s) {
    return mem_strndup(s.ptr, s.len);
}
