// SPDX-License-Identifier: MIT
#include "store/queue_ops.h"

#include <openssl/crypto.h>

#include "base/mem.h"
#include "store/op.h"
#include "store/queue_page.h"

static char *copy_text(const char *text) {
    return mem_strndup(text, strlen(text));
}

void store_due_copy(const struct store_due *d, struct store_due *ret) {
    *ret = *d;
    ret->destination = copy_text(d->destination);
    ret->prefix = mem_strndup(d->prefix, d->prefix_len);
    ret->reverse_path = copy_text(d->reverse_path);
    ret->last_reply = copy_text(d->last_reply);
    ret->recipients = mem_alloc(d->n_recipients * sizeof(char *));
    for (size_t i = 0; i < d->n_recipients; i++)
        ret->recipients[i] = copy_text(d->recipients[i]);
}

void store_due_done(struct store_due *d) {
    free(d->destination);
    free(d->prefix);
    free(d->reverse_path);
    free(d->last_reply);
    for (size_t i = 0; i < d->n_recipients; i++)
        free(d->recipients[i]);
    free(d->recipients);
    OPENSSL_cleanse(d->body_key, sizeof(d->body_key));
    *d = (struct store_due){0};
}

void queue_dues_free(struct store_due *dues, size_t n) {
    for (size_t i = 0; i < n; i++)
        store_due_done(&dues[i]);
    free(dues);
}

void queue_destinations_free(struct store_destination *destinations, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(destinations[i].name);
        free(destinations[i].last_error);
    }
    free(destinations);
}

// What is told in words is cut rather than refused, and what no C string can hold ends it.
static char *copy_words(struct slice s) {
    return slice_dup(slice_sub(s, 0, slice_find(slice_sub(s, 0, STORE_REPLY_MAX), '\0')));
}

// Makes room for one more behind n; an array is full at each power of two.
static void *grown(void *array, size_t n, size_t size) {
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n > 0 ? n * 2 : 1) * size) : array;
}

struct store_body_read *store_body_read_due_new(const struct store_due *d, uint64_t offset, size_t len) {
    struct store_message m = {.body_id = d->body_id};
    memcpy(m.body_key, d->body_key, sizeof(m.body_key));
    struct store_body_read *r = store_body_read_new(&m, offset, len);
    OPENSSL_cleanse(m.body_key, sizeof(m.body_key));
    return r;
}

// ---- destinations and their rows ----

static void free_queue_destinations(struct store_op *op) {
    struct store_queue_destinations *q = CONTAINER_OF(op, struct store_queue_destinations, op);
    queue_destinations_free(q->ret_destinations, q->ret_n);
}

static const struct store_op_type destinations_type = {.name = "queue_destinations",
                                                       .size = sizeof(struct store_queue_destinations),
                                                       .mode = STORE_OP_READ,
                                                       .kind = OP_QUEUE_DESTINATIONS,
                                                       .free_fields = free_queue_destinations};

struct store_queue_destinations *store_queue_destinations_new(int64_t now, size_t max) {
    struct store_queue_destinations *q = op_new(&destinations_type);
    q->now = now;
    q->max = queue_page_size(max);
    return q;
}

static void free_load(struct store_op *op) {
    struct store_queue_load *l = CONTAINER_OF(op, struct store_queue_load, op);
    free(l->destination);
    free(l->skip);
    queue_dues_free(l->ret_dues, l->ret_n);
}

static const struct store_op_type load_type = {.name = "queue_load",
                                               .size = sizeof(struct store_queue_load),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_QUEUE_LOAD,
                                               .free_fields = free_load};

struct store_queue_load *store_queue_load_new(struct slice destination, int64_t now, size_t max) {
    struct store_queue_load *l = op_new(&load_type);
    l->destination = op_copy(destination, STORE_DESTINATION_MAX);
    l->now = now;
    l->max = queue_page_size(max);
    l->max_octets = STORE_QUEUE_LOAD_OCTETS;
    return l;
}

void store_queue_load_skip(struct store_queue_load *l, uint64_t due_id) {
    l->skip = grown(l->skip, l->n_skip, sizeof(*l->skip));
    l->skip[l->n_skip++] = due_id;
}

static void free_expired(struct store_op *op) {
    struct store_queue_expired *e = CONTAINER_OF(op, struct store_queue_expired, op);
    free(e->skip);
    queue_dues_free(e->ret_dues, e->ret_n);
}

static const struct store_op_type expired_type = {.name = "queue_expired",
                                                  .size = sizeof(struct store_queue_expired),
                                                  .mode = STORE_OP_READ,
                                                  .kind = OP_QUEUE_EXPIRED,
                                                  .free_fields = free_expired};

struct store_queue_expired *store_queue_expired_new(int64_t created_before, size_t max) {
    struct store_queue_expired *e = op_new(&expired_type);
    e->created_before = created_before;
    e->max = queue_page_size(max);
    return e;
}

void store_queue_expired_skip(struct store_queue_expired *e, uint64_t due_id) {
    e->skip = grown(e->skip, e->n_skip, sizeof(*e->skip));
    e->skip[e->n_skip++] = due_id;
}

static void free_settle(struct store_op *op) {
    struct store_queue_settle *s = CONTAINER_OF(op, struct store_queue_settle, op);
    for (size_t i = 0; i < s->n_dues; i++) {
        struct store_settle_due *d = &s->dues[i];
        for (size_t j = 0; j < d->n_left; j++)
            free(d->left[j]);
        free(d->left);
        free(d->reply);
        if (d->bounce != NULL)
            store_op_free(&d->bounce->op);
    }
    free(s->dues);
}

static const struct store_op_type settle_type = {.name = "queue_settle",
                                                 .size = sizeof(struct store_queue_settle),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_QUEUE_SETTLE,
                                                 .free_fields = free_settle};

struct store_queue_settle *store_queue_settle_new(void) {
    return op_new(&settle_type);
}

size_t store_queue_settle_add(struct store_queue_settle *s, uint64_t due_id) {
    ASSERT(s->n_dues < STORE_SETTLE_MAX);
    s->dues = grown(s->dues, s->n_dues, sizeof(*s->dues));
    s->dues[s->n_dues] = (struct store_settle_due){.due_id = due_id};
    return s->n_dues++;
}

void store_queue_settle_keep(struct store_queue_settle *s, size_t i, struct slice recipient, int64_t next_at,
                             struct slice reply) {
    ASSERT(i < s->n_dues);
    struct store_settle_due *d = &s->dues[i];
    d->left = grown(d->left, d->n_left, sizeof(char *));
    d->left[d->n_left++] = op_copy(recipient, STORE_RECIPIENT_MAX);
    d->next_at = next_at;
    free(d->reply);
    d->reply = copy_words(reply);
}

void store_queue_settle_bounce(struct store_queue_settle *s, size_t i, struct store_deliver *bounce) {
    ASSERT(i < s->n_dues && s->dues[i].bounce == NULL);
    s->dues[i].bounce = bounce;
}

static void free_defer(struct store_op *op) {
    struct store_queue_defer *d = CONTAINER_OF(op, struct store_queue_defer, op);
    free(d->destination);
    free(d->error);
}

static const struct store_op_type defer_type = {.name = "queue_defer",
                                                .size = sizeof(struct store_queue_defer),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_QUEUE_DEFER,
                                                .free_fields = free_defer};

struct store_queue_defer *store_queue_defer_new(struct slice destination, int64_t now, int64_t next_at,
                                                struct slice error) {
    struct store_queue_defer *d = op_new(&defer_type);
    d->destination = op_copy(destination, STORE_DESTINATION_MAX);
    d->now = now;
    d->next_at = next_at;
    d->error = copy_words(error);
    return d;
}

static void free_alive(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_queue_alive, op)->destination);
}

static const struct store_op_type alive_type = {.name = "queue_alive",
                                                .size = sizeof(struct store_queue_alive),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_QUEUE_ALIVE,
                                                .free_fields = free_alive};

struct store_queue_alive *store_queue_alive_new(struct slice destination) {
    struct store_queue_alive *a = op_new(&alive_type);
    a->destination = op_copy(destination, STORE_DESTINATION_MAX);
    return a;
}
