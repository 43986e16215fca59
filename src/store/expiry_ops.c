// SPDX-License-Identifier: MIT
#include "store/expiry_ops.h"

#include "base/mem.h"
#include "store/op.h"

enum { FIND_MAX = 256 };

const char *const store_expiry_rule_names[STORE_EXPIRY_RULES] = {
    [STORE_EXPIRY_ACCOUNTS] = "account",
    [STORE_EXPIRY_MAILS] = "age",
    [STORE_EXPIRY_LARGE] = "large",
    [STORE_EXPIRY_QUOTA] = "quota",
};

static void free_find(struct store_op *op) {
    struct store_expiry_find *f = CONTAINER_OF(op, struct store_expiry_find, op);
    free(f->ret_items);
}

static const struct store_op_type find_type = {.name = "expiry_find",
                                               .size = sizeof(struct store_expiry_find),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_EXPIRY_FIND,
                                               .free_fields = free_find};

struct store_expiry_find *store_expiry_find_new(enum store_expiry_rule rule, const struct store_expiry_bounds *bounds) {
    struct store_expiry_find *f = op_new(&find_type);
    f->rule = rule;
    f->bounds = *bounds;
    f->now_hour = INT64_MAX;
    f->after.time = INT64_MIN;
    f->max = FIND_MAX;
    return f;
}

static void free_remove(struct store_op *op) {
    struct store_expiry_remove *r = CONTAINER_OF(op, struct store_expiry_remove, op);
    free(r->items);
}

static const struct store_op_type remove_type = {.name = "expiry_remove",
                                                 .size = sizeof(struct store_expiry_remove),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_EXPIRY_REMOVE,
                                                 .free_fields = free_remove};

static int compare_places(const void *a, const void *b) {
    const struct store_expiry_item *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct store_expiry_remove *store_expiry_remove_new(const struct store_expiry_item *items, size_t n_items) {
    struct store_expiry_remove *r = op_new(&remove_type);
    r->n_items = n_items < STORE_EXPIRY_SLICE_MAX ? n_items : STORE_EXPIRY_SLICE_MAX;
    r->items = mem_zalloc(r->n_items + 1, sizeof(*r->items));
    if (r->n_items > 0) {
        memcpy(r->items, items, r->n_items * sizeof(*items));
        qsort(r->items, r->n_items, sizeof(*r->items), compare_places);
    }
    return r;
}

void store_expiry_remove_relieve(struct store_expiry_remove *r, uint64_t account_id, int64_t next_hour) {
    r->account_id = account_id;
    r->next_hour = next_hour;
}

static const struct store_op_type shown_type = {
    .name = "expiry_shown", .size = sizeof(struct store_expiry_shown), .mode = STORE_OP_WRITE, .kind = OP_EXPIRY_SHOWN};

struct store_expiry_shown *store_expiry_shown_new(uint64_t mailbox_id, uint32_t last_uid) {
    struct store_expiry_shown *s = op_new(&shown_type);
    s->mailbox_id = mailbox_id;
    s->last_uid = last_uid;
    return s;
}

static const struct store_op_type clock_type = {
    .name = "expiry_clock", .size = sizeof(struct store_expiry_clock), .mode = STORE_OP_READ, .kind = OP_EXPIRY_CLOCK};

struct store_expiry_clock *store_expiry_clock_new(void) {
    return op_new(&clock_type);
}

static const struct store_op_type keep_type = {.name = "expiry_clock_keep",
                                               .size = sizeof(struct store_expiry_clock_keep),
                                               .mode = STORE_OP_WRITE,
                                               .kind = OP_EXPIRY_CLOCK_KEEP};

struct store_expiry_clock_keep *store_expiry_clock_keep_new(int64_t hour, int64_t held_hours) {
    struct store_expiry_clock_keep *k = op_new(&keep_type);
    k->hour = hour;
    k->held_hours = held_hours;
    return k;
}

static const struct store_op_type mend_type = {
    .name = "expiry_mend", .size = sizeof(struct store_expiry_mend), .mode = STORE_OP_WRITE, .kind = OP_EXPIRY_MEND};

struct store_expiry_mend *store_expiry_mend_new(int64_t now_hour) {
    struct store_expiry_mend *m = op_new(&mend_type);
    m->now_hour = now_hour;
    return m;
}
