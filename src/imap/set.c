// SPDX-License-Identifier: MIT
#include "imap/set.h"

#include <string.h>

#include "base/mem.h"

static bool parse_seq_number(struct imap_parser *p, uint32_t *ret) {
    if (imap_parse_skip(p, '*')) {
        *ret = 0;
        return true;
    }
    // nz-number
    return imap_parse_number(p, ret) && (*ret != 0 || imap_parse_fail(p, "Zero in a sequence set"));
}

static bool parse_range(struct imap_parser *p, struct store_uid_range *ret) {
    if (!parse_seq_number(p, &ret->first))
        return false;
    ret->last = ret->first;
    return !imap_parse_skip(p, ':') || parse_seq_number(p, &ret->last);
}

// An upper bound: commas until the next blank or parenthesis, plus one.
static size_t count_ranges(const struct imap_parser *p) {
    size_t n = 1;
    for (size_t i = p->pos; i < p->text.len && p->text.ptr[i] != ' ' && p->text.ptr[i] != ')'; i++)
        n += p->text.ptr[i] == ',';
    return n;
}

bool imap_set_parse(struct imap_parser *p, struct imap_set *ret) {
    size_t max = count_ranges(p);
    if (max > IMAP_SET_MAX)
        return imap_parse_fail(p, "Too many ranges");
    struct store_uid_range *ranges = arena_alloc(p->arena, max * sizeof(*ranges));
    if (ranges == NULL)
        return imap_parse_fail(p, "Command too large");
    size_t n = 0;
    do {
        if (!parse_range(p, &ranges[n++]))
            return imap_parse_fail(p, "Invalid sequence set");
    } while (n < max && imap_parse_skip(p, ','));
    *ret = (struct imap_set){ranges, n};
    return true;
}

static int compare_ranges(const void *a, const void *b) {
    uint32_t x = ((const struct store_uid_range *)a)->first, y = ((const struct store_uid_range *)b)->first;
    return (x > y) - (x < y);
}

static void order_and_join(struct imap_set *s) {
    if (s->n == 0)
        return;
    qsort(s->ranges, s->n, sizeof(*s->ranges), compare_ranges);
    size_t at = 0;
    for (size_t i = 1; i < s->n; i++) {
        struct store_uid_range r = s->ranges[i];
        struct store_uid_range *end = &s->ranges[at];
        if (r.first <= end->last || r.first - end->last == 1)
            end->last = r.last > end->last ? r.last : end->last;
        else
            s->ranges[++at] = r;
    }
    s->n = at + 1;
}

void imap_set_resolve(struct imap_set *s, uint32_t star) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct store_uid_range r = s->ranges[i];
        if ((r.first == 0 || r.last == 0) && star == 0)
            continue;
        r.first = r.first == 0 ? star : r.first;
        r.last = r.last == 0 ? star : r.last;
        // "5:3" means the same as "3:5".
        s->ranges[n++] = r.first <= r.last ? r : (struct store_uid_range){r.last, r.first};
    }
    s->n = n;
    order_and_join(s);
}

bool imap_set_contains(const struct imap_set *s, uint32_t number) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->ranges[mid].last < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n && s->ranges[low].first <= number;
}

uint32_t imap_set_max(const struct imap_set *s) {
    return s->n > 0 ? s->ranges[s->n - 1].last : 0;
}

void imap_set_skip_to(struct imap_set *s, uint32_t number) {
    while (s->n > 0 && s->ranges[0].last <= number) {
        s->ranges++;
        s->n--;
    }
    if (s->n > 0 && s->ranges[0].first <= number)
        s->ranges[0].first = number + 1;
}

void uid_list_done(struct uid_list *l) {
    free(l->v);
    *l = (struct uid_list){0};
}

void uid_list_take(struct uid_list *l, uint32_t *values, size_t n) {
    ASSERT(n <= UINT32_MAX);
    free(l->v);
    *l = (struct uid_list){.v = values, .n = (uint32_t)n, .cap = (uint32_t)n};
}

uint32_t uid_list_lower(const struct uid_list *l, uint32_t uid) {
    uint32_t low = 0, high = l->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (l->v[mid] < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool uid_list_find(const struct uid_list *l, uint32_t uid, uint32_t *ret_index) {
    uint32_t at = uid_list_lower(l, uid);
    if (at == l->n || l->v[at] != uid)
        return false;
    *ret_index = at;
    return true;
}

void uid_list_add(struct uid_list *l, uint32_t uid) {
    uint32_t at = uid_list_lower(l, uid);
    if (at < l->n && l->v[at] == uid)
        return;
    if (l->n == l->cap) {
        // By an eighth only: there are many idle sessions, and each holds a list.
        l->cap += l->cap / 8 + 8;
        l->v = mem_realloc(l->v, l->cap * sizeof(*l->v));
    }
    memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof(*l->v));
    l->v[at] = uid;
    l->n++;
}

void uid_list_subtract(struct uid_list *l, const struct uid_list *gone) {
    uint32_t kept = 0, g = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        while (g < gone->n && gone->v[g] < l->v[i])
            g++;
        if (g < gone->n && gone->v[g] == l->v[i])
            continue;
        l->v[kept++] = l->v[i];
    }
    l->n = kept;
    if (kept == 0)
        uid_list_done(l);
}

void imap_set_from_list(const struct uid_list *l, struct imap_set *ret) {
    struct store_uid_range *ranges = mem_alloc(l->n * sizeof(*ranges));
    size_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (n > 0 && ranges[n - 1].last + 1 == l->v[i])
            ranges[n - 1].last++;
        else
            ranges[n++] = (struct store_uid_range){l->v[i], l->v[i]};
    }
    *ret = (struct imap_set){ranges, n};
}
