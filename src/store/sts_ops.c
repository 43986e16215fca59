// SPDX-License-Identifier: MIT
#include "store/sts_ops.h"

#include <stdlib.h>

#include "store/op.h"

enum { DOMAIN_MAX = 255 };

static void free_policy(struct store_sts_policy *p) {
    free(p->domain);
    free(p->id);
    free(p->mx);
}

static void free_find(struct store_op *op) {
    struct store_sts_find *f = CONTAINER_OF(op, struct store_sts_find, op);
    free(f->domain);
    free_policy(&f->ret_policy);
}

static const struct store_op_type find_type = {.name = "sts_find",
                                               .size = sizeof(struct store_sts_find),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_STS_FIND,
                                               .free_fields = free_find};

struct store_sts_find *store_sts_find_new(struct slice domain, int64_t now) {
    struct store_sts_find *f = op_new(&find_type);
    f->domain = op_copy(domain, DOMAIN_MAX);
    f->now = now;
    return f;
}

static void free_keep(struct store_op *op) {
    free_policy(&CONTAINER_OF(op, struct store_sts_keep, op)->policy);
}

static const struct store_op_type keep_type = {.name = "sts_keep",
                                               .size = sizeof(struct store_sts_keep),
                                               .mode = STORE_OP_WRITE,
                                               .kind = OP_STS_KEEP,
                                               .free_fields = free_keep};

struct store_sts_keep *store_sts_keep_new(struct slice domain, struct slice id, enum store_sts_mode mode,
                                          struct slice mx, int64_t max_age, int64_t fetched_at) {
    struct store_sts_keep *k = op_new(&keep_type);
    k->policy = (struct store_sts_policy){
        .domain = op_copy(domain, DOMAIN_MAX),
        .id = op_copy(id, STORE_STS_ID_MAX),
        .mode = mode,
        .mx = op_copy(mx, STORE_STS_MX_MAX),
        .max_age = max_age < STORE_STS_MAX_AGE_MAX ? max_age : STORE_STS_MAX_AGE_MAX,
        .fetched_at = fetched_at,
    };
    return k;
}

static void free_forget(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_sts_forget, op)->domain);
}

static const struct store_op_type forget_type = {.name = "sts_forget",
                                                 .size = sizeof(struct store_sts_forget),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_STS_FORGET,
                                                 .free_fields = free_forget};

struct store_sts_forget *store_sts_forget_new(struct slice domain) {
    struct store_sts_forget *f = op_new(&forget_type);
    f->domain = op_copy(domain, DOMAIN_MAX);
    return f;
}
