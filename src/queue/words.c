// SPDX-License-Identifier: MIT
#include "queue/words.h"

#include <stdio.h>
#include <string.h>

// "5.1.1": a class, a subject of one to three digits, a detail of as many.
static bool is_status(struct slice word) {
    struct slice kind, rest, subject, detail;
    uint32_t n;
    return slice_cut(word, '.', &kind, &rest) && slice_cut(rest, '.', &subject, &detail) && kind.len == 1 &&
           kind.ptr[0] >= '2' && kind.ptr[0] <= '5' && subject.len <= 3 && slice_to_u32(subject, &n) &&
           detail.len <= 3 && slice_to_u32(detail, &n);
}

// Names and addresses have a "@", or a dot or colon inside, or stand in angle brackets.
static bool is_harmless(struct slice word) {
    if (is_status(word))
        return true;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        bool is_inside = i > 0 && i + 1 < word.len;
        if (c == '@' || c == '<' || c == '>' || (unsigned char)c < ' ' || (unsigned char)c >= 0x7F || c == '"' ||
            (is_inside && (c == '.' || c == ':')))
            return false;
    }
    return true;
}

void words_for_log(struct slice text, char ret[WORDS_MAX]) {
    size_t len = 0;
    struct slice word;
    while ((word = slice_next_word(&text)).len > 0) {
        if (!is_harmless(word))
            word = SLICE("-");
        if (len + 1 + word.len + 1 > WORDS_MAX)
            break;
        if (len > 0)
            ret[len++] = ' ';
        memcpy(ret + len, word.ptr, word.len);
        len += word.len;
    }
    ret[len] = '\0';
}

void words_status(struct slice reply, char ret[WORDS_STATUS_MAX]) {
    char kind = reply.len > 0 && reply.ptr[0] == '4' ? '4' : '5';
    (void)slice_next_word(&reply);
    struct slice word = slice_next_word(&reply);
    if (is_status(word) && word.ptr[0] == kind)
        (void)snprintf(ret, WORDS_STATUS_MAX, "%.*s", SLICE_FMT(word));
    else
        (void)snprintf(ret, WORDS_STATUS_MAX, "%s", kind == '4' ? "4.4.7" : "5.0.0");
}
