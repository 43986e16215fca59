// SPDX-License-Identifier: MIT
// A slice borrows octets: pointer and length, not NUL-terminated. It never outlives the memory it looks into.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE_EMPTY ((struct slice){"", 0})
// A slice of a string literal.
#define SLICE(lit) ((struct slice){"" lit, sizeof(lit) - 1})
// The two arguments of a "%.*s" conversion.
#define SLICE_FMT(s) (int)(s).len, (s).ptr

struct slice slice_make(const char *ptr, size_t len);
struct slice slice_from_cstr(const char *s);
// The octets [from, to) of s; both are clamped to its length.
struct slice slice_sub(struct slice s, size_t from, size_t to);

bool slice_eq(struct slice a, struct slice b);
// ASCII case-insensitive equality.
bool slice_eq_ci(struct slice a, struct slice b);
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_ci(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
bool slice_ends_with_ci(struct slice s, struct slice suffix);
// Orders by octet value, shorter first when one is a prefix of the other; <0, 0, >0.
int slice_cmp(struct slice a, struct slice b);

// Index of the first / last `c`, or s.len when there is none.
size_t slice_find(struct slice s, char c);
size_t slice_rfind(struct slice s, char c);
// Index of the first occurrence of `needle`, or s.len.
size_t slice_find_slice(struct slice s, struct slice needle);

// Without leading and trailing SP, TAB, CR and LF.
struct slice slice_trim(struct slice s);

// Cuts s at the first `c`: ret_head is before it, ret_tail after it. When there is no `c`, returns false, ret_head is
// all of s and ret_tail is empty.
bool slice_cut(struct slice s, char c, struct slice *ret_head, struct slice *ret_tail);

// Takes the next run of non-blank octets (SP, TAB) off the front of *s; an empty slice at the end.
struct slice slice_next_word(struct slice *s);

// Decimal digits only, no sign, no overflow. False when empty or anything else is in it; *ret stays untouched then.
bool slice_to_u64(struct slice s, uint64_t *ret);
bool slice_to_u32(struct slice s, uint32_t *ret);

// A NUL-terminated copy; the caller frees it.
char *slice_dup(struct slice s);

static inline char ascii_lower(char c) {
    return (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c;
}
static inline char ascii_upper(char c) {
    return (c >= 'a' && c <= 'z') ? (char)(c - ('a' - 'A')) : c;
}
static inline bool ascii_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_alnum(char c) {
    return ascii_is_digit(c) || ascii_is_alpha(c);
}
