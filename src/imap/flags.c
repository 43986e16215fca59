// SPDX-License-Identifier: MIT
#include "imap/flags.h"

#include <string.h>

enum { FLAG_WORDS_MAX = 128 };

static const struct {
    uint32_t flag;
    struct slice name;
} system_flags[] = {
    {STORE_FLAG_ANSWERED, {"\\Answered", 9}}, {STORE_FLAG_FLAGGED, {"\\Flagged", 8}},
    {STORE_FLAG_DELETED, {"\\Deleted", 8}},   {STORE_FLAG_SEEN, {"\\Seen", 5}},
    {STORE_FLAG_DRAFT, {"\\Draft", 6}},
};

static bool system_flag(struct slice name, uint32_t *ret) {
    for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
        if (slice_eq_ci(name, system_flags[i].name)) {
            *ret = system_flags[i].flag;
            return true;
        }
    }
    return false;
}

// Keywords are gathered here before they are written in order.
struct words {
    struct slice v[FLAG_WORDS_MAX];
    size_t n;
};

static bool parse_flag(struct imap_parser *p, struct imap_flags *f, struct words *words) {
    size_t start = p->pos;
    bool is_system = imap_parse_skip(p, '\\');
    struct slice atom;
    if (!imap_parse_atom(p, &atom))
        return imap_parse_fail(p, "Invalid flag");
    if (is_system) {
        uint32_t flag;
        if (!system_flag(slice_sub(p->text, start, p->pos), &flag))
            return imap_parse_fail(p, "Unknown system flag");
        f->system |= flag;
        return true;
    }
    // Sorted insertion; keywords differ in more than case (RFC 3501 2.3.2 has no two that differ only there).
    size_t at = 0;
    while (at < words->n && slice_cmp(words->v[at], atom) < 0)
        at++;
    for (size_t i = 0; i < words->n; i++)
        if (slice_eq_ci(words->v[i], atom))
            return true;
    if (words->n == FLAG_WORDS_MAX)
        return imap_parse_fail(p, "Too many keywords");
    memmove(words->v + at + 1, words->v + at, (words->n - at) * sizeof(words->v[0]));
    words->v[at] = atom;
    words->n++;
    return true;
}

static bool join_keywords(struct imap_parser *p, const struct words *words, struct imap_flags *f) {
    size_t len = 0;
    for (size_t i = 0; i < words->n; i++) {
        struct slice w = words->v[i];
        if (len + w.len + 1 > STORE_KEYWORDS_MAX)
            return imap_parse_fail(p, "Keywords too long");
        if (len > 0)
            f->keywords[len++] = ' ';
        memcpy(f->keywords + len, w.ptr, w.len);
        len += w.len;
    }
    f->keywords[len] = '\0';
    return true;
}

bool imap_flags_parse(struct imap_parser *p, bool bare_allowed, struct imap_flags *ret) {
    struct words words;
    words.n = 0;
    ret->system = 0;
    ret->keywords[0] = '\0';
    if (imap_parse_skip(p, '(')) {
        bool first = true;
        while (imap_parse_list_more(p, &first))
            if (!parse_flag(p, ret, &words))
                return false;
        return p->error == NULL && join_keywords(p, &words, ret);
    }
    if (!bare_allowed)
        return imap_parse_fail(p, "Expected a flag list");
    do {
        if (!parse_flag(p, ret, &words))
            return false;
    } while (imap_parse_skip(p, ' '));
    return join_keywords(p, &words, ret);
}

size_t imap_flags_write(uint32_t system, const char *keywords, char ret[IMAP_FLAGS_TEXT_MAX]) {
    size_t len = 0;
    ret[len++] = '(';
    for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
        if ((system & system_flags[i].flag) == 0)
            continue;
        if (len > 1)
            ret[len++] = ' ';
        memcpy(ret + len, system_flags[i].name.ptr, system_flags[i].name.len);
        len += system_flags[i].name.len;
    }
    size_t keywords_len = keywords != NULL ? strnlen(keywords, STORE_KEYWORDS_MAX) : 0;
    if (keywords_len > 0) {
        if (len > 1)
            ret[len++] = ' ';
        memcpy(ret + len, keywords, keywords_len);
        len += keywords_len;
    }
    ret[len++] = ')';
    ret[len] = '\0';
    return len;
}

bool imap_keywords_have(const char *keywords, struct slice keyword) {
    struct slice rest = slice_from_cstr(keywords != NULL ? keywords : "");
    for (struct slice w = slice_next_word(&rest); w.len > 0; w = slice_next_word(&rest))
        if (slice_eq_ci(w, keyword))
            return true;
    return false;
}
