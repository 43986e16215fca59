// SPDX-License-Identifier: MIT
// Packets for clients of other loops. They are copied here, into one batch for each loop, which is posted at the end of
// the turn or when it is full, and there once more. A packet holds a reference to its receiver, whose session may end
// meanwhile. Batches that were emptied go back to where they came from, and are filled again while caches still hold
// them.
#include "base/mem.h"
#include "iroh/client.h"
#include "iroh/counters.h"
#include "iroh/relay.h"
#include "iroh/session.h"

_Static_assert(IROH_PACKET_HEAD_MAX + IROH_PACKET_MAX < 100 * 1024, "a packet fits a batch");

enum {
    BATCH_SIZE = 128 * 1024, // at least the largest packet
    RETURNED_MAX = 8,        // batches that wait to be filled again
};

struct iroh_batch {
    struct loop_task task;
    struct iroh_share *from;
    struct iroh_batch *next; // in `spare` or `returned`
    size_t len;
    char data[BATCH_SIZE]; // of each packet a struct entry, then the frame
};

struct entry {
    struct iroh_client *to; // a reference
    size_t len;
};

// So many batches may be in use at a time: what their memory allows, however little is in each. Between two loops there
// can always be one.
static size_t crossing_max(const struct iroh_relay *r) {
    return r->n_shares * r->n_shares + IROH_WAITING_ALL_MAX / sizeof(struct iroh_batch);
}

static void arrive_one(const struct entry *e, const char *octets) {
    struct websocket_payload frame = websocket_plain(slice_make(octets, e->len));
    iroh_client_end_crossing(e->to, e->len);
    if (e->to->session != NULL)
        iroh_session_deliver(e->to->session, NULL, 0, &frame, true);
    else
        iroh_count_drop(IROH_DROP_UNKNOWN);
    iroh_client_unref(e->to);
}

static void give_back(struct iroh_batch *b) {
    struct iroh_share *home = b->from;
    atomic_fetch_sub_explicit(&home->relay->n_crossing, 1, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&home->n_returned, 1, memory_order_relaxed) >= RETURNED_MAX) {
        atomic_fetch_sub_explicit(&home->n_returned, 1, memory_order_relaxed);
        free(b);
        return;
    }
    b->next = atomic_load_explicit(&home->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&home->returned, &b->next, b, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

static void arrive(struct loop_task *task) {
    struct iroh_batch *b = CONTAINER_OF(task, struct iroh_batch, task);
    for (size_t at = 0; at < b->len;) {
        struct entry e;
        memcpy(&e, b->data + at, sizeof(e));
        arrive_one(&e, b->data + at + sizeof(e));
        at += sizeof(e) + e.len;
    }
    give_back(b);
}

static void post(struct iroh_share *s, size_t index) {
    struct iroh_batch *b = s->out[index];
    s->out[index] = NULL;
    if (b != NULL)
        loop_post(s->relay->shares[index].loop, &b->task);
}

static void flush(struct loop_task *task) {
    struct iroh_share *s = CONTAINER_OF(task, struct iroh_share, flush);
    s->flush_due = false;
    for (size_t i = 0; i < s->relay->n_shares; i++)
        post(s, i);
}

// The spare ones are all of those returned so far, or what is left of them. NULL: too many are in use.
static struct iroh_batch *take_batch(struct iroh_share *s) {
    size_t n = atomic_fetch_add_explicit(&s->relay->n_crossing, 1, memory_order_relaxed);
    if (n >= crossing_max(s->relay)) {
        atomic_fetch_sub_explicit(&s->relay->n_crossing, 1, memory_order_relaxed);
        return NULL;
    }
    if (s->spare == NULL) {
        s->spare = atomic_exchange_explicit(&s->returned, NULL, memory_order_acquire);
        for (struct iroh_batch *b = s->spare; b != NULL; b = b->next)
            atomic_fetch_sub_explicit(&s->n_returned, 1, memory_order_relaxed);
    }
    struct iroh_batch *b = s->spare;
    if (b != NULL)
        s->spare = b->next;
    else
        b = mem_alloc(sizeof(*b));
    b->task = (struct loop_task){.run = arrive};
    b->from = s;
    b->len = 0;
    return b;
}

// One with room for `need` octets, or NULL.
static struct iroh_batch *batch_for(struct iroh_share *s, size_t index, size_t need) {
    if (s->out[index] != NULL && BATCH_SIZE - s->out[index]->len < need)
        post(s, index);
    if (s->out[index] == NULL)
        s->out[index] = take_batch(s);
    if (s->out[index] != NULL && !s->flush_due) {
        s->flush_due = true;
        loop_defer(s->loop, &s->flush);
    }
    return s->out[index];
}

void iroh_share_send(struct iroh_share *from, struct iroh_client *to, const uint8_t *head, size_t head_len,
                     const struct websocket_payload *body) {
    size_t len = head_len + body->data.len;
    if (!iroh_client_begin_crossing(to, len)) {
        iroh_count_drop(IROH_DROP_FULL);
        return;
    }
    struct entry e = {.to = to, .len = len};
    struct iroh_batch *b = batch_for(from, to->home->index, sizeof(e) + len);
    if (b == NULL) {
        iroh_client_end_crossing(to, len);
        iroh_count_drop(IROH_DROP_FULL);
        return;
    }
    (void)iroh_client_ref(to);
    char *at = b->data + b->len;
    memcpy(at, &e, sizeof(e));
    memcpy(at + sizeof(e), head, head_len);
    websocket_copy(body, 0, body->data.len, at + sizeof(e) + head_len);
    b->len += sizeof(e) + len;
}

static void free_batches(struct iroh_batch *b) {
    while (b != NULL) {
        struct iroh_batch *next = b->next;
        free(b);
        b = next;
    }
}

void iroh_share_init(struct iroh_share *s, struct iroh_relay *r, struct loop *loop, size_t index) {
    *s = (struct iroh_share){.relay = r, .loop = loop, .index = index, .flush.run = flush};
    s->out = mem_zalloc(r->n_shares, sizeof(struct iroh_batch *));
}

void iroh_share_done(struct iroh_share *s) {
    ASSERT(!s->flush_due && s->waiting_memory == 0 && atomic_load(&s->relay->n_crossing) == 0);
    free_batches(s->spare);
    free_batches(atomic_load(&s->returned));
    free(s->out);
}
