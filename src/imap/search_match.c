// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "imap/flags.h"
#include "imap/search.h"
#include "mail/date.h"
#include "mail/header.h"

static void resolve(struct imap_search_key *k, uint32_t last_seq, uint32_t last_uid) {
    for (; k != NULL; k = k->next) {
        if (k->kind == IMAP_SEARCH_SEQ)
            imap_set_resolve(&k->set, last_seq);
        else if (k->kind == IMAP_SEARCH_UID)
            imap_set_resolve(&k->set, last_uid);
        resolve(k->child, last_seq, last_uid);
    }
}

void imap_search_resolve(struct imap_search *s, uint32_t last_seq, uint32_t last_uid) {
    resolve(s->root, last_seq, last_uid);
}

// ---- texts ----

// A copy in lower case: looking for text in it then takes linear time whatever the text is.
static char *lower_copy(struct slice s) {
    char *copy = mem_strndup(s.ptr, s.len);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = ascii_lower(copy[i]);
    return copy;
}

void imap_search_begin_message(struct imap_search *s) {
    for (size_t i = 0; i < s->n_texts; i++)
        s->texts[i]->found = s->texts[i]->text.len == 0;
}

void imap_search_feed(struct imap_search *s, struct slice octets, uint64_t offset, uint64_t header_len) {
    char *copy = lower_copy(octets);
    struct slice whole = slice_make(copy, octets.len);
    uint64_t header_left = header_len > offset ? header_len - offset : 0;
    struct slice body = slice_sub(whole, header_left < whole.len ? (size_t)header_left : whole.len, whole.len);
    for (size_t i = 0; i < s->n_texts; i++) {
        struct imap_search_key *k = s->texts[i];
        struct slice in = k->kind == IMAP_SEARCH_BODY ? body : whole;
        if (!k->found)
            k->found = slice_find_slice(in, k->text) < in.len;
    }
    free(copy);
}

static bool value_contains(struct slice value, struct slice text) {
    struct buf unfolded;
    if (text.len == 0)
        return true;
    if (text.len > value.len) // unfolding only takes away
        return false;
    buf_init(&unfolded, value.len + 1);
    bool found = false;
    if (header_unfold(value, &unfolded)) {
        char *copy = lower_copy(buf_slice(&unfolded));
        struct slice in = slice_make(copy, buf_slice(&unfolded).len);
        found = slice_find_slice(in, text) < in.len;
        free(copy);
    }
    buf_done(&unfolded);
    return found;
}

static bool header_matches(const struct imap_search_key *k, struct slice header) {
    struct header_field field;
    enum header_next next;
    while ((next = header_next(&header, &field)) != HEADER_END)
        if (next == HEADER_FIELD && slice_eq_ci(field.name, k->name) && value_contains(field.value, k->text))
            return true;
    return false;
}

static bool sent_day(struct slice header, int64_t *ret_day) {
    struct slice value;
    int64_t seconds;
    if (!header_find(header, SLICE("Date"), &value) || !date_parse_mail(value, &seconds))
        return false;
    *ret_day = seconds / 86400;
    return true;
}

// ---- the tree ----

static bool matches(const struct imap_search_key *k, const struct imap_search_subject *m) {
    int64_t day = m->internal_date / 86400, sent;
    switch (k->kind) {
    case IMAP_SEARCH_ALL:
        return true;
    case IMAP_SEARCH_NONE:
        return false;
    case IMAP_SEARCH_AND:
        for (const struct imap_search_key *c = k->child; c != NULL; c = c->next)
            if (!matches(c, m))
                return false;
        return true;
    case IMAP_SEARCH_OR:
        for (const struct imap_search_key *c = k->child; c != NULL; c = c->next)
            if (matches(c, m))
                return true;
        return false;
    case IMAP_SEARCH_NOT:
        return !matches(k->child, m);
    case IMAP_SEARCH_SEQ:
        return imap_set_contains(&k->set, m->seq);
    case IMAP_SEARCH_UID:
        return imap_set_contains(&k->set, m->uid);
    case IMAP_SEARCH_FLAG:
        return (m->flags & k->number) != 0;
    case IMAP_SEARCH_KEYWORD:
        return imap_keywords_have(m->keywords, k->text);
    case IMAP_SEARCH_LARGER:
        return m->size > k->number;
    case IMAP_SEARCH_SMALLER:
        return m->size < k->number;
    case IMAP_SEARCH_BEFORE:
        return day < k->day;
    case IMAP_SEARCH_ON:
        return day == k->day;
    case IMAP_SEARCH_SINCE:
        return day >= k->day;
    case IMAP_SEARCH_SENTBEFORE:
        return sent_day(m->header, &sent) && sent < k->day;
    case IMAP_SEARCH_SENTON:
        return sent_day(m->header, &sent) && sent == k->day;
    case IMAP_SEARCH_SENTSINCE:
        return sent_day(m->header, &sent) && sent >= k->day;
    case IMAP_SEARCH_HEADER:
        return header_matches(k, m->header);
    case IMAP_SEARCH_BODY:
    case IMAP_SEARCH_TEXT:
        return k->found;
    }
    UNREACHABLE();
}

bool imap_search_matches(const struct imap_search *s, const struct imap_search_subject *m) {
    return matches(s->root, m);
}
