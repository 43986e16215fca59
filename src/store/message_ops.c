// SPDX-License-Identifier: MIT
#include "store/message_ops.h"

#include <openssl/crypto.h>

#include "base/mem.h"
#include "store/account_ops.h"
#include "store/mailbox_ops.h"
#include "store/op.h"
#include "store/queue_ops.h"

// ---- delivery ----

static void free_deliver(struct store_op *op) {
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    for (size_t i = 0; i < d->n_deliveries; i++)
        free(d->deliveries[i].address);
    free(d->deliveries);
    for (size_t i = 0; i < d->n_remotes; i++) {
        free(d->remotes[i].destination);
        free(d->remotes[i].recipient);
    }
    free(d->remotes);
    free(d->prefix);
    free(d->reverse_path);
    store_body_free(d->body);
}

static const struct store_op_type deliver_type = {.name = "deliver",
                                                  .size = sizeof(struct store_deliver),
                                                  .mode = STORE_OP_WRITE,
                                                  .kind = OP_DELIVER,
                                                  .free_fields = free_deliver};

struct store_deliver *store_deliver_new(struct store_body *body, const uint8_t dedup[32]) {
    struct store_deliver *d = op_new(&deliver_type);
    d->body = body;
    memcpy(d->dedup, dedup, sizeof(d->dedup));
    return d;
}

// Makes room for one more behind n; an array is full at each power of two.
static void *grown(void *array, size_t n, size_t size) {
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n > 0 ? n * 2 : 1) * size) : array;
}

static struct store_delivery *add_delivery(struct store_deliver *d) {
    d->deliveries = grown(d->deliveries, d->n_deliveries, sizeof(*d->deliveries));
    struct store_delivery *one = &d->deliveries[d->n_deliveries++];
    *one = (struct store_delivery){0};
    return one;
}

void store_deliver_add(struct store_deliver *d, struct slice address) {
    add_delivery(d)->address = op_copy(address, STORE_ADDRESS_MAX);
}

void store_deliver_add_own(struct store_deliver *d, struct slice address) {
    store_deliver_add(d, address);
    d->deliveries[d->n_deliveries - 1].is_own = true;
}

void store_deliver_add_account(struct store_deliver *d, uint64_t account_id) {
    struct store_delivery *one = add_delivery(d);
    one->address = op_copy(SLICE_EMPTY, 0);
    one->account_id = account_id;
}

void store_deliver_add_remote(struct store_deliver *d, struct slice destination, struct slice recipient) {
    d->remotes = grown(d->remotes, d->n_remotes, sizeof(*d->remotes));
    d->remotes[d->n_remotes++] = (struct store_remote){
        .destination = op_copy(destination, STORE_DESTINATION_MAX),
        .recipient = op_copy(recipient, STORE_RECIPIENT_MAX),
    };
}

// A reverse-path that is too long must not become the empty one: the letter is not set then.
void store_deliver_set_letter(struct store_deliver *d, struct slice prefix, struct slice reverse_path,
                              uint32_t letter_flags) {
    ASSERT(d->reverse_path == NULL);
    if (prefix.len > STORE_PREFIX_MAX || reverse_path.len > STORE_REVERSE_PATH_MAX ||
        slice_find(reverse_path, '\0') < reverse_path.len)
        return;
    d->prefix = mem_strndup(prefix.ptr, prefix.len);
    d->prefix_len = prefix.len;
    d->reverse_path = slice_dup(reverse_path);
    d->letter_flags = letter_flags;
}

static void free_append(struct store_op *op) {
    struct store_append *a = CONTAINER_OF(op, struct store_append, op);
    free(a->mailbox);
    store_body_free(a->body);
}

static const struct store_op_type append_type = {.name = "append",
                                                 .size = sizeof(struct store_append),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_APPEND,
                                                 .free_fields = free_append};

struct store_append *store_append_new(struct store_body *body, uint64_t account_id, struct slice mailbox) {
    struct store_append *a = op_new(&append_type);
    a->body = body;
    a->account_id = account_id;
    a->mailbox = op_copy(mailbox, STORE_MAILBOX_NAME_MAX);
    return a;
}

// ---- reading ----

static struct store_uid_range *copy_ranges(const struct store_uid_range *ranges, size_t n) {
    if (n == 0)
        return NULL;
    struct store_uid_range *copy = mem_alloc(n * sizeof(*copy));
    memcpy(copy, ranges, n * sizeof(*copy));
    return copy;
}

static void free_fetch(struct store_op *op) {
    struct store_fetch *f = CONTAINER_OF(op, struct store_fetch, op);
    for (size_t i = 0; i < f->ret_n_messages; i++) {
        free(f->ret_messages[i].keywords);
        free(f->ret_messages[i].data);
        OPENSSL_cleanse(f->ret_messages[i].body_key, sizeof(f->ret_messages[i].body_key));
    }
    free(f->ret_messages);
    free(f->ranges);
}

static const struct store_op_type fetch_type = {.name = "fetch",
                                                .size = sizeof(struct store_fetch),
                                                .mode = STORE_OP_READ,
                                                .kind = OP_FETCH,
                                                .free_fields = free_fetch};

struct store_fetch *store_fetch_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges,
                                    uint32_t want) {
    struct store_fetch *f = op_new(&fetch_type);
    f->mailbox_id = mailbox_id;
    f->ranges = copy_ranges(ranges, n_ranges);
    f->n_ranges = n_ranges;
    f->want = want;
    f->max_messages = STORE_FETCH_MESSAGES;
    f->max_octets = STORE_FETCH_OCTETS;
    return f;
}

static void free_body_read(struct store_op *op) {
    struct store_body_read *r = CONTAINER_OF(op, struct store_body_read, op);
    OPENSSL_cleanse(r->body_key, sizeof(r->body_key));
    free(r->ret_data);
}

static const struct store_op_type body_read_type = {.name = "body_read",
                                                    .size = sizeof(struct store_body_read),
                                                    .mode = STORE_OP_READ,
                                                    .kind = OP_BODY_READ,
                                                    .free_fields = free_body_read};

struct store_body_read *store_body_read_new(const struct store_message *m, uint64_t offset, size_t len) {
    struct store_body_read *r = op_new(&body_read_type);
    r->body_id = m->body_id;
    memcpy(r->body_key, m->body_key, sizeof(r->body_key));
    r->offset = offset;
    r->len = len < STORE_BODY_READ_MAX ? len : STORE_BODY_READ_MAX;
    return r;
}

// ---- changing ----

static void free_flags(struct store_op *op) {
    struct store_flags *f = CONTAINER_OF(op, struct store_flags, op);
    for (size_t i = 0; i < f->ret_n_results; i++)
        free(f->ret_results[i].keywords);
    free(f->ret_results);
    free(f->ranges);
}

static const struct store_op_type flags_type = {.name = "flags",
                                                .size = sizeof(struct store_flags),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_FLAGS,
                                                .free_fields = free_flags};

struct store_flags *store_flags_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges) {
    struct store_flags *f = op_new(&flags_type);
    f->mailbox_id = mailbox_id;
    f->ranges = copy_ranges(ranges, n_ranges);
    f->n_ranges = n_ranges;
    return f;
}

static void free_expunge(struct store_op *op) {
    struct store_expunge *e = CONTAINER_OF(op, struct store_expunge, op);
    free(e->ranges);
    free(e->ret_uids);
}

static const struct store_op_type expunge_type = {.name = "expunge",
                                                  .size = sizeof(struct store_expunge),
                                                  .mode = STORE_OP_WRITE,
                                                  .kind = OP_EXPUNGE,
                                                  .free_fields = free_expunge};

struct store_expunge *store_expunge_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges) {
    struct store_expunge *e = op_new(&expunge_type);
    e->mailbox_id = mailbox_id;
    e->ranges = copy_ranges(ranges, n_ranges);
    e->n_ranges = n_ranges;
    return e;
}

static void free_copy(struct store_op *op) {
    struct store_copy *c = CONTAINER_OF(op, struct store_copy, op);
    free(c->ranges);
    free(c->target);
    free(c->ret_from_uids);
    free(c->ret_to_uids);
}

static const struct store_op_type copy_type = {.name = "copy",
                                               .size = sizeof(struct store_copy),
                                               .mode = STORE_OP_WRITE,
                                               .kind = OP_COPY,
                                               .free_fields = free_copy};

struct store_copy *store_copy_new(uint64_t account_id, uint64_t mailbox_id, const struct store_uid_range *ranges,
                                  size_t n_ranges, struct slice target, bool move) {
    struct store_copy *c = op_new(&copy_type);
    c->account_id = account_id;
    c->mailbox_id = mailbox_id;
    c->ranges = copy_ranges(ranges, n_ranges);
    c->n_ranges = n_ranges;
    c->target = op_copy(target, STORE_MAILBOX_NAME_MAX);
    c->move = move;
    return c;
}
