// SPDX-License-Identifier: MIT
#include "store/keywords.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = STORE_KEYWORDS_MAX }; // each word takes at least two octets of two such strings

struct word {
    struct slice text;
    bool is_change;
};

// Words that are the same come together, the old spelling first, then as they were given.
static int compare(const void *a, const void *b) {
    const struct word *x = a, *y = b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    for (size_t i = 0; i < n; i++) {
        int diff = (unsigned char)ascii_lower(x->text.ptr[i]) - (unsigned char)ascii_lower(y->text.ptr[i]);
        if (diff != 0)
            return diff;
    }
    if (x->text.len != y->text.len)
        return x->text.len < y->text.len ? -1 : 1;
    if (x->is_change != y->is_change)
        return x->is_change ? 1 : -1;
    return x->text.ptr < y->text.ptr ? -1 : x->text.ptr > y->text.ptr;
}

static size_t split(struct slice from, bool is_change, struct word *words, size_t n) {
    for (struct slice w = slice_next_word(&from); w.len > 0 && n < WORDS_MAX; w = slice_next_word(&from))
        words[n++] = (struct word){w, is_change};
    return n;
}

// Sorted, because the writer does this for each message of a STORE, and there may be hundreds of words.
bool keywords_apply(const char *old, enum store_flags_mode mode, const char *change, char ret[STORE_KEYWORDS_MAX + 1]) {
    struct word words[WORDS_MAX];
    size_t n = mode != STORE_FLAGS_REPLACE ? split(slice_from_cstr(old), false, words, 0) : 0;
    n = split(slice_from_cstr(change), true, words, n);
    qsort(words, n, sizeof(words[0]), compare);
    char joined[STORE_KEYWORDS_MAX + 1];
    size_t len = 0;
    for (size_t i = 0, next; i < n; i = next) {
        struct slice w = words[i].text;
        bool is_changed = false;
        for (next = i; next < n && slice_eq_ci(words[next].text, w); next++)
            is_changed = is_changed || words[next].is_change;
        if (mode == STORE_FLAGS_REMOVE && is_changed)
            continue;
        if (len + (len > 0) + w.len > STORE_KEYWORDS_MAX)
            return false;
        if (len > 0)
            joined[len++] = ' ';
        memcpy(joined + len, w.ptr, w.len);
        len += w.len;
    }
    memcpy(ret, joined, len);
    ret[len] = '\0';
    return true;
}
