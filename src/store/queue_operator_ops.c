// SPDX-License-Identifier: MIT
#include "store/queue_operator_ops.h"

#include <stdlib.h>

#include "store/op.h"
#include "store/queue_page.h"

static const struct store_op_type total_type = {
    .name = "queue_total", .size = sizeof(struct store_queue_total), .mode = STORE_OP_READ, .kind = OP_QUEUE_TOTAL};

struct store_queue_total *store_queue_total_new(void) {
    return op_new(&total_type);
}

static void free_list(struct store_op *op) {
    struct store_queue_list *l = CONTAINER_OF(op, struct store_queue_list, op);
    free(l->after);
    queue_destinations_free(l->ret_destinations, l->ret_n);
}

static const struct store_op_type list_type = {.name = "queue_list",
                                               .size = sizeof(struct store_queue_list),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_QUEUE_LIST,
                                               .free_fields = free_list};

struct store_queue_list *store_queue_list_new(struct slice after, size_t max) {
    struct store_queue_list *l = op_new(&list_type);
    l->after = op_copy(after, STORE_DESTINATION_MAX);
    l->max = queue_page_size(max);
    return l;
}

static void free_show(struct store_op *op) {
    struct store_queue_show *s = CONTAINER_OF(op, struct store_queue_show, op);
    free(s->destination);
    free(s->ret_destination.name);
    free(s->ret_destination.last_error);
    queue_dues_free(s->ret_dues, s->ret_n);
}

static const struct store_op_type show_type = {.name = "queue_show",
                                               .size = sizeof(struct store_queue_show),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_QUEUE_SHOW,
                                               .free_fields = free_show};

struct store_queue_show *store_queue_show_new(struct slice destination, size_t max) {
    struct store_queue_show *s = op_new(&show_type);
    s->destination = op_copy(destination, STORE_DESTINATION_MAX);
    s->max = queue_page_size(max);
    return s;
}

static void free_find(struct store_op *op) {
    store_due_done(&CONTAINER_OF(op, struct store_queue_find, op)->ret_due);
}

static const struct store_op_type find_type = {.name = "queue_find",
                                               .size = sizeof(struct store_queue_find),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_QUEUE_FIND,
                                               .free_fields = free_find};

struct store_queue_find *store_queue_find_new(uint64_t due_id) {
    struct store_queue_find *f = op_new(&find_type);
    f->due_id = due_id;
    return f;
}

static void free_retry(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_queue_retry, op)->destination);
}

static const struct store_op_type retry_type = {.name = "queue_retry",
                                                .size = sizeof(struct store_queue_retry),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_QUEUE_RETRY,
                                                .free_fields = free_retry};

struct store_queue_retry *store_queue_retry_new(struct slice destination, int64_t now) {
    struct store_queue_retry *r = op_new(&retry_type);
    r->destination = op_copy(destination, STORE_DESTINATION_MAX);
    r->is_for_all = destination.len == 0;
    r->now = now;
    return r;
}
