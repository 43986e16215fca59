// SPDX-License-Identifier: MIT
#include "store/keywords.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = STORE_KEYWORDS_MAX }; // each word takes at least two octets of two such strings

static int compare(const void *a, const void *b) {
    const struct slice *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    for (size_t i = 0; i < n; i++) {
        int diff = (unsigned char)ascii_lower(x->ptr[i]) - (unsigned char)ascii_lower(y->ptr[i]);
        if (diff != 0)
            return diff;
    }
    return x->len < y->len ? -1 : x->len > y->len;
}

static bool has(struct slice words, struct slice word) {
    for (struct slice w = slice_next_word(&words); w.len > 0; w = slice_next_word(&words))
        if (slice_eq_ci(w, word))
            return true;
    return false;
}

// Adds the words of `from` that are not in `without`.
static size_t collect(struct slice from, struct slice without, struct slice *words, size_t n) {
    for (struct slice w = slice_next_word(&from); w.len > 0; w = slice_next_word(&from))
        if (n < WORDS_MAX && !has(without, w))
            words[n++] = w;
    return n;
}

bool keywords_apply(const char *old, enum store_flags_mode mode, const char *change, char ret[STORE_KEYWORDS_MAX + 1]) {
    struct slice before = slice_from_cstr(old), with = slice_from_cstr(change);
    struct slice words[WORDS_MAX];
    size_t n = 0;
    // The old spelling of a keyword stays: it comes first and what follows is not added again.
    if (mode != STORE_FLAGS_REPLACE)
        n = collect(before, mode == STORE_FLAGS_REMOVE ? with : SLICE_EMPTY, words, n);
    if (mode != STORE_FLAGS_REMOVE)
        n = collect(with, mode == STORE_FLAGS_ADD ? before : SLICE_EMPTY, words, n);
    qsort(words, n, sizeof(words[0]), compare);
    char joined[STORE_KEYWORDS_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && slice_eq_ci(words[i - 1], words[i]))
            continue;
        if (len + (len > 0) + words[i].len > STORE_KEYWORDS_MAX)
            return false;
        if (len > 0)
            joined[len++] = ' ';
        memcpy(joined + len, words[i].ptr, words[i].len);
        len += words[i].len;
    }
    memcpy(ret, joined, len);
    ret[len] = '\0';
    return true;
}
