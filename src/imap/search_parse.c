// SPDX-License-Identifier: MIT
#include "imap/search.h"

#include "mail/date.h"
#include "store/message_ops.h"

static struct imap_search_key *new_key(struct imap_parser *p, struct imap_search *s, enum imap_search_kind kind) {
    struct imap_search_key *k = s->n_keys < IMAP_SEARCH_KEYS_MAX ? arena_alloc(p->arena, sizeof(*k)) : NULL;
    if (k == NULL) {
        (void)imap_parse_fail(p, "Too many search keys");
        return NULL;
    }
    k->kind = kind;
    s->n_keys++;
    return k;
}

static struct imap_search_key *parse_key(struct imap_parser *p, struct imap_search *s, unsigned depth);

// ---- kinds of arguments ----

static bool parse_text(struct imap_parser *p, struct slice *ret) {
    struct slice text;
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &text))
        return false;
    if (text.len > IMAP_SEARCH_TEXT_MAX)
        return imap_parse_fail(p, "Search text too long");
    *ret = arena_copy(p->arena, text);
    if (ret->ptr == NULL)
        return imap_parse_fail(p, "Command too large");
    char *c = (char *)(uintptr_t)ret->ptr; // our own copy
    for (size_t i = 0; i < ret->len; i++)
        c[i] = ascii_lower(c[i]);
    return true;
}

static bool parse_header(struct imap_parser *p, struct imap_search *s, struct imap_search_key *k, struct slice field) {
    s->want |= STORE_FETCH_HEADER;
    k->name = field;
    return (field.len > 0 || (imap_parse_sp(p) && imap_parse_astring(p, &k->name))) && parse_text(p, &k->text);
}

static bool parse_body(struct imap_parser *p, struct imap_search *s, struct imap_search_key *k) {
    if (s->n_texts == IMAP_SEARCH_TEXTS_MAX)
        return imap_parse_fail(p, "Too many search keys");
    if (!parse_text(p, &k->text))
        return false;
    s->texts[s->n_texts++] = k;
    if (k->text.len > s->longest_text)
        s->longest_text = k->text.len;
    s->want |= STORE_FETCH_HEADER | STORE_FETCH_BODY;
    return true;
}

// date: DQUOTE date-text DQUOTE, or without quotes.
static bool parse_day(struct imap_parser *p, struct imap_search_key *k) {
    struct slice text;
    int64_t seconds;
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &text))
        return false;
    if (!date_parse_imap_day(text, &seconds))
        return imap_parse_fail(p, "Invalid date");
    k->day = seconds / 86400;
    return true;
}

// ---- the keys ----

enum argument { ARG_NONE, ARG_FLAG, ARG_KEYWORD, ARG_NUMBER, ARG_DAY, ARG_SENT_DAY, ARG_HEADER, ARG_BODY, ARG_SET };

static const struct search_word {
    struct slice name;
    enum imap_search_kind kind;
    enum argument argument;
    uint32_t flag;      // ARG_FLAG
    bool negated;       // UNSEEN is NOT SEEN
    struct slice field; // ARG_HEADER: which one; empty: the first argument
} search_words[] = {
    {{"ALL", 3}, IMAP_SEARCH_ALL, ARG_NONE, 0, false, {"", 0}},
    {{"OLD", 3}, IMAP_SEARCH_ALL, ARG_NONE, 0, false, {"", 0}},
    {{"NEW", 3}, IMAP_SEARCH_NONE, ARG_NONE, 0, false, {"", 0}},
    {{"RECENT", 6}, IMAP_SEARCH_NONE, ARG_NONE, 0, false, {"", 0}},
    {{"SEEN", 4}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_SEEN, false, {"", 0}},
    {{"UNSEEN", 6}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_SEEN, true, {"", 0}},
    {{"ANSWERED", 8}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_ANSWERED, false, {"", 0}},
    {{"UNANSWERED", 10}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_ANSWERED, true, {"", 0}},
    {{"FLAGGED", 7}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_FLAGGED, false, {"", 0}},
    {{"UNFLAGGED", 9}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_FLAGGED, true, {"", 0}},
    {{"DELETED", 7}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_DELETED, false, {"", 0}},
    {{"UNDELETED", 9}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_DELETED, true, {"", 0}},
    {{"DRAFT", 5}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_DRAFT, false, {"", 0}},
    {{"UNDRAFT", 7}, IMAP_SEARCH_FLAG, ARG_FLAG, STORE_FLAG_DRAFT, true, {"", 0}},
    {{"KEYWORD", 7}, IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, false, {"", 0}},
    {{"UNKEYWORD", 9}, IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, true, {"", 0}},
    {{"LARGER", 6}, IMAP_SEARCH_LARGER, ARG_NUMBER, 0, false, {"", 0}},
    {{"SMALLER", 7}, IMAP_SEARCH_SMALLER, ARG_NUMBER, 0, false, {"", 0}},
    {{"BEFORE", 6}, IMAP_SEARCH_BEFORE, ARG_DAY, 0, false, {"", 0}},
    {{"ON", 2}, IMAP_SEARCH_ON, ARG_DAY, 0, false, {"", 0}},
    {{"SINCE", 5}, IMAP_SEARCH_SINCE, ARG_DAY, 0, false, {"", 0}},
    {{"SENTBEFORE", 10}, IMAP_SEARCH_SENTBEFORE, ARG_SENT_DAY, 0, false, {"", 0}},
    {{"SENTON", 6}, IMAP_SEARCH_SENTON, ARG_SENT_DAY, 0, false, {"", 0}},
    {{"SENTSINCE", 9}, IMAP_SEARCH_SENTSINCE, ARG_SENT_DAY, 0, false, {"", 0}},
    {{"HEADER", 6}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"", 0}},
    {{"FROM", 4}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"From", 4}},
    {{"TO", 2}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"To", 2}},
    {{"CC", 2}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"Cc", 2}},
    {{"BCC", 3}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"Bcc", 3}},
    {{"SUBJECT", 7}, IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, {"Subject", 7}},
    {{"BODY", 4}, IMAP_SEARCH_BODY, ARG_BODY, 0, false, {"", 0}},
    {{"TEXT", 4}, IMAP_SEARCH_TEXT, ARG_BODY, 0, false, {"", 0}},
    {{"UID", 3}, IMAP_SEARCH_UID, ARG_SET, 0, false, {"", 0}},
};

static bool is_costly(enum argument a) {
    return a == ARG_KEYWORD || a == ARG_SENT_DAY || a == ARG_HEADER;
}

static bool parse_argument(struct imap_parser *p, struct imap_search *s, const struct search_word *w,
                           struct imap_search_key *k) {
    if (is_costly(w->argument) && ++s->n_costly > IMAP_SEARCH_COSTLY_MAX)
        return imap_parse_fail(p, "Too many search keys");
    switch (w->argument) {
    case ARG_NONE:
        return true;
    case ARG_FLAG:
        s->needs_store = true;
        k->number = w->flag;
        return true;
    case ARG_KEYWORD:
        s->needs_store = true;
        return imap_parse_sp(p) && imap_parse_atom(p, &k->text);
    case ARG_NUMBER:
        s->needs_store = true;
        return imap_parse_sp(p) && imap_parse_number(p, &k->number);
    case ARG_DAY:
        s->needs_store = true;
        return parse_day(p, k);
    case ARG_SENT_DAY:
        s->needs_store = true;
        s->want |= STORE_FETCH_HEADER;
        return parse_day(p, k);
    case ARG_HEADER:
        s->needs_store = true;
        return parse_header(p, s, k, w->field);
    case ARG_BODY:
        s->needs_store = true;
        return parse_body(p, s, k);
    case ARG_SET:
        return imap_parse_sp(p) && imap_set_parse(p, &k->set);
    }
    UNREACHABLE();
}

static struct imap_search_key *negate(struct imap_parser *p, struct imap_search *s, struct imap_search_key *k) {
    struct imap_search_key *not_key = k != NULL ? new_key(p, s, IMAP_SEARCH_NOT) : NULL;
    if (not_key != NULL)
        not_key->child = k;
    return not_key;
}

static struct imap_search_key *parse_word(struct imap_parser *p, struct imap_search *s, const struct search_word *w) {
    struct imap_search_key *k = new_key(p, s, w->kind);
    if (k == NULL || !parse_argument(p, s, w, k))
        return NULL;
    return w->negated ? negate(p, s, k) : k;
}

static struct imap_search_key *parse_not(struct imap_parser *p, struct imap_search *s, unsigned depth) {
    return imap_parse_sp(p) ? negate(p, s, parse_key(p, s, depth + 1)) : NULL;
}

static struct imap_search_key *parse_or(struct imap_parser *p, struct imap_search *s, unsigned depth) {
    struct imap_search_key *k = new_key(p, s, IMAP_SEARCH_OR);
    if (k == NULL || !imap_parse_sp(p) || (k->child = parse_key(p, s, depth + 1)) == NULL || !imap_parse_sp(p))
        return NULL;
    k->child->next = parse_key(p, s, depth + 1);
    return k->child->next != NULL ? k : NULL;
}

static struct imap_search_key *parse_list(struct imap_parser *p, struct imap_search *s, unsigned depth) {
    struct imap_search_key *k = new_key(p, s, IMAP_SEARCH_AND);
    if (k == NULL)
        return NULL;
    struct imap_search_key **end = &k->child;
    bool first = true;
    while (imap_parse_list_more(p, &first)) {
        *end = parse_key(p, s, depth + 1);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    }
    if (p->error == NULL && k->child == NULL)
        (void)imap_parse_fail(p, "Empty list of search keys");
    return p->error == NULL ? k : NULL;
}

static struct imap_search_key *parse_seq(struct imap_parser *p, struct imap_search *s) {
    struct imap_search_key *k = new_key(p, s, IMAP_SEARCH_SEQ);
    return k != NULL && imap_set_parse(p, &k->set) ? k : NULL;
}

static struct imap_search_key *parse_key(struct imap_parser *p, struct imap_search *s, unsigned depth) {
    if (depth > IMAP_SEARCH_DEPTH_MAX) {
        (void)imap_parse_fail(p, "Search keys nested too deeply");
        return NULL;
    }
    int c = imap_parse_peek(p);
    if (imap_parse_skip(p, '('))
        return parse_list(p, s, depth);
    if (c == '*' || (c >= '0' && c <= '9'))
        return parse_seq(p, s);
    if (imap_parse_skip_word(p, SLICE("NOT")))
        return parse_not(p, s, depth);
    if (imap_parse_skip_word(p, SLICE("OR")))
        return parse_or(p, s, depth);
    for (size_t i = 0; i < ARRAY_LEN(search_words); i++)
        if (imap_parse_skip_word(p, search_words[i].name))
            return parse_word(p, s, &search_words[i]);
    (void)imap_parse_fail(p, "Unknown search key");
    return NULL;
}

static bool parse_charset(struct imap_parser *p, struct imap_search *ret) {
    struct slice charset;
    if (!imap_parse_skip_word(p, SLICE("CHARSET")))
        return true;
    if (!imap_parse_sp(p) || !imap_parse_astring(p, &charset))
        return false;
    ret->bad_charset = !slice_eq_ci(charset, SLICE("UTF-8")) && !slice_eq_ci(charset, SLICE("US-ASCII"));
    return !ret->bad_charset && imap_parse_sp(p);
}

bool imap_search_parse(struct imap_parser *p, struct imap_search *ret) {
    *ret = (struct imap_search){0};
    if (!parse_charset(p, ret))
        return false;
    ret->root = new_key(p, ret, IMAP_SEARCH_AND);
    if (ret->root == NULL)
        return false;
    struct imap_search_key **end = &ret->root->child;
    do {
        *end = parse_key(p, ret, 0);
        if (*end == NULL)
            return false;
        end = &(*end)->next;
    } while (imap_parse_skip(p, ' ') && imap_parse_peek(p) != -1);
    return imap_parse_end(p);
}
