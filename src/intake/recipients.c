// SPDX-License-Identifier: MIT
#include "intake/recipients.h"

#include "base/hash.h"
#include "base/mem.h"

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
// their affair (RFC 5321 2.4), only the domain is folded.
static size_t write_mailbox(const struct address *a, bool is_local, char ret[ADDRESS_MAX + 1]) {
    if (is_local) {
        address_normalize(a, true, ret);
        return strlen(ret);
    }
    ASSERT(a->whole.len <= ADDRESS_MAX);
    for (size_t i = 0; i < a->whole.len; i++)
        ret[i] = i < a->local.len ? a->whole.ptr[i] : ascii_lower(a->whole.ptr[i]);
    return a->whole.len;
}

enum recipients_result recipients_add(struct recipients *r, struct arena *arena, const struct address *a,
                                      struct slice domain, size_t max) {
    char mailbox[ADDRESS_MAX + 1];
    bool is_local = slice_eq_ci(a->domain, domain);
    struct slice key = slice_make(mailbox, write_mailbox(a, is_local, mailbox));
    if (r->n > 0 && *probe(r, key) != 0)
        return RECIPIENTS_KNOWN;
    if (r->n >= max)
        return RECIPIENTS_TOO_MANY;

    struct recipient one = {
        .given = arena_copy(arena, a->whole), .mailbox = arena_copy(arena, key), .is_local = is_local};
    if (one.given.ptr == NULL || one.mailbox.ptr == NULL)
        return RECIPIENTS_TOO_MANY;
    if (r->n == r->capacity)
        grow(r);
    *probe(r, one.mailbox) = (uint16_t)(r->n + 1);
    r->list[r->n++] = one;
    r->n_local += is_local;
    return RECIPIENTS_ADDED;
}

void recipients_done(struct recipients *r) {
    free(r->list);
    free(r->slots);
    *r = (struct recipients){0};
}
