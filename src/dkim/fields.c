// SPDX-License-Identifier: MIT
// The fields of one header by name. Names are hashed under a random key, so that a peer cannot fill one bucket.
#include "dkim/fields.h"

#include "base/hash.h"
#include "base/mem.h"
#include "dkim/canon.h"
#include "dkim/sha256.h"
#include "dkim/tags.h"

// Longer names share the hash of their beginning; they are compared in full.
enum { HASHED_LEN = 64 };

static uint64_t hash_name(struct slice name) {
    char lower[HASHED_LEN];
    size_t n = name.len < HASHED_LEN ? name.len : HASHED_LEN;
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    return hash_keyed(lower, n).lo;
}

bool dkim_fields_init(struct dkim_fields *f, struct slice header, size_t max) {
    *f = (struct dkim_fields){0};
    size_t cap = 0;
    struct header_field field;
    enum header_next next;
    while ((next = header_next(&header, &field)) != HEADER_END) {
        if (next == HEADER_BAD)
            continue;
        if (f->n == max) {
            dkim_fields_done(f);
            return false;
        }
        if (f->n == cap) {
            cap = cap > 0 ? cap * 2 : 32;
            f->items = mem_realloc(f->items, cap * sizeof(*f->items));
        }
        uint64_t hash = hash_name(field.name);
        uint32_t *lowest = &f->lowest[hash % DKIM_FIELD_BUCKETS];
        f->items[f->n++] = (struct dkim_field){field, hash, *lowest, 0};
        *lowest = (uint32_t)f->n;
    }
    return true;
}

void dkim_fields_done(struct dkim_fields *f) {
    free(f->items);
    *f = (struct dkim_fields){0};
}

size_t dkim_fields_count(const struct dkim_fields *f, struct slice name) {
    size_t n = 0;
    uint64_t hash = hash_name(name);
    for (uint32_t i = f->lowest[hash % DKIM_FIELD_BUCKETS]; i > 0; i = f->items[i - 1].above)
        if (f->items[i - 1].hash == hash && slice_eq_ci(f->items[i - 1].field.name, name))
            n++;
    return n;
}

// The lowest field of that name not yet taken in this round, other than `own`; NULL when there is none.
static const struct header_field *take(struct dkim_fields *f, struct slice name, const struct header_field *own) {
    uint64_t hash = hash_name(name);
    for (uint32_t i = f->lowest[hash % DKIM_FIELD_BUCKETS]; i > 0; i = f->items[i - 1].above) {
        struct dkim_field *item = &f->items[i - 1];
        if (item->hash != hash || item->taken == f->round || &item->field == own ||
            !slice_eq_ci(item->field.name, name))
            continue;
        item->taken = f->round;
        return &item->field;
    }
    return NULL;
}

void dkim_fields_hash(struct dkim_fields *f, enum dkim_canon how, struct slice names, const struct header_field *own,
                      struct slice own_hole, uint8_t ret[DKIM_HASH_LEN]) {
    EVP_MD_CTX *ctx = dkim_sha256_new();
    struct dkim_sink sink = dkim_sha256_sink(ctx);
    f->round++;
    struct slice name;
    while (dkim_list_next(&names, &name)) {
        const struct header_field *field = take(f, name, own);
        if (field != NULL)
            dkim_canon_field(how, field, false, SLICE_EMPTY, sink);
    }
    dkim_canon_field(how, own, true, own_hole, sink);
    dkim_sha256_finish(ctx, ret);
}
