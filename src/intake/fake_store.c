// SPDX-License-Identifier: MIT
#include "intake/fake_store.h"

#include <openssl/evp.h>

#include "base/mem.h"

enum { FAKE_BODY_MAX = 64 * 1024 * 1024 };

struct store_body {
    struct store *store;
    struct loop *loop;
    struct buf text;
    void (*on_ready)(void *arg);
    void *on_ready_arg;
    void (*done)(void *arg, enum store_status status);
    void *done_arg;
    struct loop_task ready_task, done_task;
    unsigned n_posted;
    bool freed, waits_ready;
};

struct store_op_type {
    int unused;
};
static const struct store_op_type deliver_type;

void fake_store_init(struct store *s) {
    *s = (struct store){.body_status = STORE_OK, .deliver_status = STORE_OK};
}

void fake_store_done(struct store *s) {
    ASSERT(s->n_bodies == 0);
    while (s->last != NULL) {
        struct fake_delivery *d = s->last;
        s->last = d->next;
        free(d->address);
        free(d->destination);
        free(d->reverse_path);
        free(d->prefix);
        free(d->text);
        free(d);
    }
}

// ---- bodies ----

static void destroy_body(struct store_body *b) {
    if (!b->freed || b->n_posted > 0)
        return;
    b->store->n_bodies--;
    buf_done(&b->text);
    free(b);
}

static void run_ready(struct loop_task *task) {
    struct store_body *b = CONTAINER_OF(task, struct store_body, ready_task);
    b->n_posted--;
    b->waits_ready = false;
    if (b->freed)
        destroy_body(b);
    else if (b->on_ready != NULL)
        b->on_ready(b->on_ready_arg);
}

static void run_done(struct loop_task *task) {
    struct store_body *b = CONTAINER_OF(task, struct store_body, done_task);
    b->n_posted--;
    if (b->freed)
        destroy_body(b);
    else
        b->done(b->done_arg, b->store->body_status);
}

struct store_body *store_body_new(struct store *s, struct loop *loop) {
    struct store_body *b = MEM_NEW(struct store_body);
    b->store = s;
    b->loop = loop;
    b->ready_task.run = run_ready;
    b->done_task.run = run_done;
    buf_init(&b->text, FAKE_BODY_MAX);
    s->n_bodies++;
    return b;
}

void store_body_free(struct store_body *b) {
    if (b == NULL)
        return;
    b->freed = true;
    destroy_body(b);
}

bool store_body_write(struct store_body *b, struct slice octets) {
    ASSERT(buf_append_slice(&b->text, octets));
    if (!b->store->is_slow)
        return true;
    if (!b->waits_ready) {
        b->waits_ready = true;
        b->n_posted++;
        loop_post(b->loop, &b->ready_task);
    }
    return false;
}

void store_body_set_on_ready(struct store_body *b, void (*on_ready)(void *arg), void *arg) {
    b->on_ready = on_ready;
    b->on_ready_arg = arg;
}

bool store_body_peek(const struct store_body *b, struct slice *ret_octets) {
    *ret_octets = buf_slice(&b->text);
    return b->text.len <= STORE_BODY_INLINE_MAX;
}

uint64_t store_body_size(const struct store_body *b) {
    return b->text.len;
}

void store_body_digest(struct store_body *b, uint8_t ret_sha256[32]) {
    struct slice s = buf_slice(&b->text);
    ASSERT(EVP_Digest(s.ptr, s.len, ret_sha256, NULL, EVP_sha256(), NULL) == 1);
}

void store_body_finish(struct store_body *b, void (*done)(void *arg, enum store_status status), void *arg) {
    b->done = done;
    b->done_arg = arg;
    b->n_posted++;
    loop_post(b->loop, &b->done_task);
}

// ---- deliveries ----

struct store_deliver *store_deliver_new(struct store_body *body, const uint8_t dedup[32]) {
    struct store_deliver *d = MEM_NEW(struct store_deliver);
    d->op.type = &deliver_type;
    d->body = body;
    memcpy(d->dedup, dedup, sizeof(d->dedup));
    return d;
}

void store_deliver_add(struct store_deliver *d, struct slice address) {
    d->deliveries = mem_realloc(d->deliveries, (d->n_deliveries + 1) * sizeof(d->deliveries[0]));
    d->deliveries[d->n_deliveries++] = (struct store_delivery){.address = slice_dup(address)};
}

void store_deliver_add_own(struct store_deliver *d, struct slice address) {
    store_deliver_add(d, address);
    d->deliveries[d->n_deliveries - 1].is_own = true;
}

void store_deliver_add_account(struct store_deliver *d, uint64_t account_id) {
    store_deliver_add(d, SLICE_EMPTY);
    d->deliveries[d->n_deliveries - 1].account_id = account_id;
}

void store_deliver_add_remote(struct store_deliver *d, struct slice destination, struct slice recipient) {
    d->remotes = mem_realloc(d->remotes, (d->n_remotes + 1) * sizeof(d->remotes[0]));
    d->remotes[d->n_remotes++] =
        (struct store_remote){.destination = slice_dup(destination), .recipient = slice_dup(recipient)};
}

void store_deliver_set_letter(struct store_deliver *d, struct slice prefix, struct slice reverse_path,
                              uint32_t letter_flags) {
    d->prefix = slice_dup(prefix);
    d->prefix_len = prefix.len;
    d->reverse_path = slice_dup(reverse_path);
    d->letter_flags = letter_flags;
}

static bool was_delivered(const struct store *s, const char *address, const uint8_t dedup[32]) {
    for (const struct fake_delivery *d = s->last; d != NULL; d = d->next)
        if (strcmp(d->address, address) == 0 && memcmp(d->dedup, dedup, 32) == 0)
            return true;
    return false;
}

static char *copy_text(const char *s) {
    return slice_dup(slice_from_cstr(s != NULL ? s : ""));
}

static struct fake_delivery *keep(struct store *s, const struct store_deliver *d, const char *address,
                                  const struct store_remote *remote) {
    struct fake_delivery *kept = MEM_NEW(struct fake_delivery);
    struct slice text = buf_slice(&d->body->text);
    kept->address = copy_text(address);
    kept->destination = copy_text(remote != NULL ? remote->destination : NULL);
    kept->reverse_path = copy_text(remote != NULL ? d->reverse_path : NULL);
    kept->prefix = copy_text(remote != NULL ? d->prefix : NULL);
    kept->letter_flags = remote != NULL ? d->letter_flags : 0;
    kept->text = mem_strndup(text.ptr, text.len);
    kept->len = text.len;
    memcpy(kept->dedup, d->dedup, sizeof(kept->dedup));
    kept->next = s->last;
    s->last = kept;
    return kept;
}

static enum store_delivery_outcome deliver_one(struct store *s, const struct store_deliver *d,
                                               const struct store_delivery *one) {
    const char *address = one->address;
    if (strncmp(address, "nobody", 6) == 0)
        return STORE_UNKNOWN;
    if (strncmp(address, "full", 4) == 0)
        return STORE_OVERQUOTA;
    if (was_delivered(s, address, d->dedup))
        return STORE_DUPLICATE;
    keep(s, d, address, NULL)->is_own = one->is_own;
    s->n_delivered++;
    return STORE_DELIVERED;
}

static enum store_remote_outcome queue_one(struct store *s, const struct store_deliver *d,
                                           const struct store_remote *one) {
    ASSERT(d->reverse_path != NULL);
    if (was_delivered(s, one->recipient, d->dedup))
        return STORE_REMOTE_DUPLICATE;
    (void)keep(s, d, one->recipient, one);
    s->n_queued++;
    return STORE_QUEUED;
}

static void run_op(struct loop_task *task) {
    struct store_op *op = CONTAINER_OF(task, struct store_op, task);
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    struct store *s = op->store;
    s->n_submitted++;
    op->status = s->n_submitted >= s->deliver_fails_at ? s->deliver_status : STORE_OK;
    for (size_t i = 0; i < d->n_deliveries && op->status == STORE_OK; i++)
        d->deliveries[i].ret_outcome = deliver_one(s, d, &d->deliveries[i]);
    for (size_t i = 0; i < d->n_remotes && op->status == STORE_OK; i++)
        d->remotes[i].ret_outcome = queue_one(s, d, &d->remotes[i]);
    if (op->cancelled)
        store_op_free(op);
    else
        op->done(op);
}

void store_op_submit(struct store *s, struct loop *loop, struct store_op *op, void (*done)(struct store_op *),
                     void *arg) {
    op->store = s;
    op->loop = loop;
    op->done = done;
    op->arg = arg;
    op->task.run = run_op;
    loop_post(loop, &op->task);
}

void store_op_cancel(struct store_op *op) {
    op->cancelled = true;
}

void store_op_free(struct store_op *op) {
    if (op == NULL)
        return;
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
    free(d);
}
