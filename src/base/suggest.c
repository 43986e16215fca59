// SPDX-License-Identifier: MIT
#include "base/suggest.h"

#include <string.h>

#include "base/panic.h"

enum { WORD_MAX = 48, NEAR = 2, NEAR_OF_LONG = 4, LONG = 16 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Characters to insert, remove, replace, or neighbours to swap (the optimal string alignment distance).
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t d[WORD_MAX + 1][WORD_MAX + 1];
    ASSERT(a_len <= WORD_MAX && b_len <= WORD_MAX);
    for (size_t i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++)
        for (size_t j = 1; j <= b_len; j++) {
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[a_len][b_len];
}

const char *suggest(const char *word, const char *const *words, size_t n) {
    size_t len = strlen(word), best = NEAR_OF_LONG + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(words[i]);
        if (len == 0 || len > WORD_MAX || other > WORD_MAX)
            continue;
        size_t far = distance(word, len, words[i], other);
        // Two slips make half of a short word: that is another word. In max_user_send_per_minute there is room for
        // more.
        if (far < best && far * 2 < other && far <= (other < LONG ? NEAR : NEAR_OF_LONG)) {
            best = far;
            found = words[i];
        }
    }
    return found;
}
