// SPDX-License-Identifier: MIT
#include "intake/recipients.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "intake/domain.h"

enum { CAPACITY_FIRST = 8 };

// The slot that holds the mailbox, or the empty one where it belongs.
static uint16_t *probe(const struct recipients *r, struct slice mailbox) {
    size_t n_slots = r->capacity * 2;
    size_t i = (size_t)hash_keyed(mailbox.ptr, mailbox.len).lo % n_slots;
    while (r->slots[i] != 0 && !slice_eq(r->list[r->slots[i] - 1].mailbox, mailbox))
        i = (i + 1) % n_slots;
    return &r->slots[i];
}

static void grow(struct recipients *r) {
    r->capacity = r->capacity > 0 ? r->capacity * 2 : CAPACITY_FIRST;
    r->list = mem_realloc(r->list, r->capacity * sizeof(r->list[0]));
    free(r->slots);
    r->slots = mem_zalloc(r->capacity * 2, sizeof(r->slots[0]));
    for (size_t i = 0; i < r->n; i++)
        *probe(r, r->list[i].mailbox) = (uint16_t)(i + 1);
}

// The name under which two spellings are one mailbox: ours in lower case without +detail; the local part of others is
// their affair (RFC 5321 2.4), only the domain has one spelling.
static size_t write_mailbox(const struct address *a, const char *domain, bool is_local, char ret[ADDRESS_MAX + 1]) {
    int n = snprintf(ret, ADDRESS_MAX + 1, "%.*s@%s", SLICE_FMT(a->local), domain);
    ASSERT(n > 0 && n <= ADDRESS_MAX);
    if (!is_local)
        return (size_t)n;
    char text[ADDRESS_MAX + 1];
    memcpy(text, ret, (size_t)n);
    struct slice whole = slice_make(text, (size_t)n);
    struct address one = {whole, slice_sub(whole, 0, a->local.len), slice_sub(whole, a->local.len + 1, whole.len)};
    address_normalize(&one, true, ret);
    return strlen(ret);
}

enum recipients_result recipients_add(struct recipients *r, struct arena *arena, const struct address *a,
                                      struct slice domain, size_t max) {
    char mailbox[ADDRESS_MAX + 1], canonical[DOMAIN_SIZE];
    enum domain_kind kind = domain_canonical(a->domain, canonical);
    bool is_local = slice_eq_ci(slice_from_cstr(canonical), domain);
    struct slice key = slice_make(mailbox, write_mailbox(a, canonical, is_local, mailbox));
    if (r->n > 0 && *probe(r, key) != 0)
        return RECIPIENTS_KNOWN;
    if (r->n >= max)
        return RECIPIENTS_TOO_MANY;

    struct recipient one = {
        .given = arena_copy(arena, a->whole), .mailbox = arena_copy(arena, key), .is_local = is_local};
    if (one.given.ptr == NULL || one.mailbox.ptr == NULL)
        return RECIPIENTS_TOO_MANY;
    bool is_remote = !is_local && kind != DOMAIN_NOWHERE;
    one.destination = is_remote ? slice_sub(one.mailbox, a->local.len + 1, one.mailbox.len) : SLICE_EMPTY;
    if (r->n == r->capacity)
        grow(r);
    *probe(r, one.mailbox) = (uint16_t)(r->n + 1);
    r->list[r->n++] = one;
    r->n_local += is_local;
    r->n_remote += is_remote;
    return RECIPIENTS_ADDED;
}

const struct recipient *recipients_find(const struct recipients *r, const struct address *a, struct slice domain) {
    char mailbox[ADDRESS_MAX + 1], canonical[DOMAIN_SIZE];
    if (r->n == 0)
        return NULL;
    (void)domain_canonical(a->domain, canonical);
    bool is_local = slice_eq_ci(slice_from_cstr(canonical), domain);
    size_t slot = *probe(r, slice_make(mailbox, write_mailbox(a, canonical, is_local, mailbox)));
    return slot != 0 ? &r->list[slot - 1] : NULL;
}

void recipients_done(struct recipients *r) {
    free(r->list);
    free(r->slots);
    *r = (struct recipients){0};
}
