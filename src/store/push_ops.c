// SPDX-License-Identifier: MIT
#include "store/push_ops.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/op.h"

void store_push_done(struct store_push *p) {
    free(p->token);
    *p = (struct store_push){0};
}

// Makes room for one more behind n; an array is full at each power of two.
static void *grown(void *array, size_t n, size_t size) {
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n > 0 ? n * 2 : 1) * size) : array;
}

static void free_load(struct store_op *op) {
    struct store_push_load *l = CONTAINER_OF(op, struct store_push_load, op);
    for (size_t i = 0; i < l->ret_n; i++)
        store_push_done(&l->ret_pushes[i]);
    free(l->ret_pushes);
    free(l->skip);
}

static const struct store_op_type load_type = {.name = "push_load",
                                               .size = sizeof(struct store_push_load),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_PUSH_LOAD,
                                               .free_fields = free_load};

struct store_push_load *store_push_load_new(int64_t now_ms, size_t max_first, size_t max_retries) {
    ASSERT(max_first <= STORE_PUSH_LOAD_MAX && max_retries <= STORE_PUSH_LOAD_MAX - max_first);
    struct store_push_load *l = op_new(&load_type);
    l->now_ms = now_ms;
    l->max_first = max_first;
    l->max_retries = max_retries;
    return l;
}

void store_push_load_skip(struct store_push_load *l, uint64_t token_id) {
    ASSERT(l->n_skip < STORE_PUSH_SKIP_MAX);
    l->skip = grown(l->skip, l->n_skip, sizeof(*l->skip));
    l->skip[l->n_skip++] = token_id;
}

static void free_settle(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_push_settle, op)->rows);
}

static const struct store_op_type settle_type = {.name = "push_settle",
                                                 .size = sizeof(struct store_push_settle),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_PUSH_SETTLE,
                                                 .free_fields = free_settle};

struct store_push_settle *store_push_settle_new(void) {
    return op_new(&settle_type);
}

static void add_row(struct store_push_settle *s, struct store_push_settle_row row) {
    ASSERT(s->n_rows < STORE_PUSH_SETTLE_MAX);
    s->rows = grown(s->rows, s->n_rows, sizeof(*s->rows));
    s->rows[s->n_rows++] = row;
}

void store_push_settle_done(struct store_push_settle *s, uint64_t token_id, int64_t asked_ms, int64_t covered_ms) {
    add_row(s, (struct store_push_settle_row){
                   .outcome = STORE_PUSH_DONE, .token_id = token_id, .asked_ms = asked_ms, .covered_ms = covered_ms});
}

void store_push_settle_gone(struct store_push_settle *s, uint64_t token_id) {
    add_row(s, (struct store_push_settle_row){.outcome = STORE_PUSH_GONE, .token_id = token_id});
}

void store_push_settle_retry(struct store_push_settle *s, uint64_t token_id, int64_t asked_ms, int64_t covered_ms,
                             int64_t next_ms, uint32_t tries) {
    ASSERT(tries > 0);
    add_row(s, (struct store_push_settle_row){.outcome = STORE_PUSH_RETRY,
                                              .token_id = token_id,
                                              .asked_ms = asked_ms,
                                              .covered_ms = covered_ms,
                                              .next_ms = next_ms,
                                              .tries = tries});
}

static const struct store_op_type total_type = {
    .name = "push_total", .size = sizeof(struct store_push_total), .mode = STORE_OP_READ, .kind = OP_PUSH_TOTAL};

struct store_push_total *store_push_total_new(void) {
    return op_new(&total_type);
}
