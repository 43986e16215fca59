// SPDX-License-Identifier: MIT
#include "queue/letter.h"

#include <stdio.h>

#include "base/mem.h"

// ---- the index ----

void letter_index_init(struct letter_index *index) {
    for (size_t i = 0; i < LETTER_BUCKETS; i++)
        list_init(&index->buckets[i]);
    index->n = 0;
    index->octets = 0;
}

// Numbers of rows grow by one: the rest of a division spreads them evenly.
bool letter_index_has(const struct letter_index *index, uint64_t due_id) {
    LIST_FOREACH(node, &index->buckets[due_id % LETTER_BUCKETS])
    if (CONTAINER_OF(node, struct letter, by_id)->due.id == due_id)
        return true;
    return false;
}

static size_t count_octets(const struct store_due *due) {
    size_t n = sizeof(struct letter) + due->prefix_len + due->n_recipients * sizeof(struct letter_outcome);
    for (size_t i = 0; i < due->n_recipients; i++)
        n += strlen(due->recipients[i]) + 1 + sizeof(char *);
    return n;
}

// ---- reading ----

// Whoever reads may end the letter's way, and so the letter, in on_octets: it is not touched after that.
static void give(struct letter *l, struct slice octets) {
    void (*on_octets)(void *arg, struct slice octets) = l->on_octets;
    l->on_octets = NULL;
    on_octets(l->on_octets_arg, octets);
}

static void run_answer(struct loop_task *task) {
    struct letter *l = CONTAINER_OF(task, struct letter, answer);
    l->answer_posted = false;
    if (l->freed) {
        free(l);
        return;
    }
    if (l->on_octets == NULL || l->read != NULL)
        return; // of a read that was cancelled
    struct slice octets = SLICE_EMPTY;
    if (l->answer_len > 0)
        octets = slice_make(l->due.prefix + l->offset, l->answer_len);
    l->offset += l->answer_len;
    give(l, octets);
}

// The prefix is in memory, and so is the knowledge of the end.
static void answer_from_memory(struct letter *l, size_t len) {
    l->answer_len = len;
    if (l->answer_posted) // of a read that was cancelled in this turn: it serves this one
        return;
    l->answer_posted = true;
    l->answer.run = run_answer;
    loop_post(l->loop, &l->answer);
}

static void on_read(struct store_op *op) {
    struct letter *l = op->arg;
    struct store_body_read *r = CONTAINER_OF(op, struct store_body_read, op);
    l->read = NULL;
    if (op->status != STORE_OK || r->ret_data_len == 0) { // the end is known before: nothing there is damage
        l->read_status = op->status != STORE_OK ? op->status : STORE_FAILED;
        store_op_free(op);
        give(l, (struct slice){NULL, 0});
        return;
    }
    l->offset += r->ret_data_len;
    // `l` may be gone after this, but not the octets.
    give(l, slice_make(r->ret_data, r->ret_data_len));
    store_op_free(op);
}

static void read_wire(struct transport_letter *wire, size_t max, void (*on_octets)(void *arg, struct slice octets),
                      void *arg) {
    struct letter *l = CONTAINER_OF(wire, struct letter, wire);
    ASSERT(l->on_octets == NULL && max > 0);
    l->on_octets = on_octets;
    l->on_octets_arg = arg;
    max = max < LETTER_CHUNK_MAX ? max : LETTER_CHUNK_MAX;
    if (l->offset < l->due.prefix_len) {
        size_t left = l->due.prefix_len - (size_t)l->offset;
        answer_from_memory(l, left < max ? left : max);
        return;
    }
    uint64_t at = l->offset - l->due.prefix_len;
    uint64_t left = l->due.body_size - at;
    if (left == 0) {
        answer_from_memory(l, 0);
        return;
    }
    l->read = &store_body_read_due_new(&l->due, at, left < max ? (size_t)left : max)->op;
    store_op_submit(l->store, l->loop, l->read, on_read, l);
}

static void cancel_read(struct transport_letter *wire) {
    struct letter *l = CONTAINER_OF(wire, struct letter, wire);
    l->on_octets = NULL;
    if (l->read != NULL)
        store_op_cancel(l->read);
    l->read = NULL;
}

static void rewind_wire(struct transport_letter *wire) {
    struct letter *l = CONTAINER_OF(wire, struct letter, wire);
    ASSERT(l->on_octets == NULL);
    l->offset = 0;
}

// ---- life ----

struct letter *letter_new(struct letter_index *index, struct store *store, struct loop *loop, struct store_due *due) {
    ASSERT(!letter_index_has(index, due->id));
    struct letter *l = MEM_NEW(struct letter);
    l->index = index;
    l->store = store;
    l->loop = loop;
    l->due = *due;
    *due = (struct store_due){0};
    l->outcomes = mem_zalloc(l->due.n_recipients, sizeof(*l->outcomes));
    l->octets = count_octets(&l->due);
    list_init(&l->link);
    list_append(&index->buckets[l->due.id % LETTER_BUCKETS], &l->by_id);
    index->n++;
    index->octets += l->octets;
    return l;
}

void letter_free(struct letter *l) {
    if (l == NULL)
        return;
    letter_release(l);
    list_remove(&l->link);
    list_remove(&l->by_id);
    l->index->n--;
    l->index->octets -= l->octets;
    for (size_t i = 0; i < l->due.n_recipients; i++)
        free(l->outcomes[i].reply);
    free(l->outcomes);
    store_due_done(&l->due);
    if (l->answer_posted)
        l->freed = true; // the task frees the rest
    else
        free(l);
}

bool letter_prepare(struct letter *l) {
    size_t n = letter_count(l, LETTER_OPEN);
    if (n == 0)
        return false;
    letter_release(l);
    l->open = mem_alloc(n * sizeof(*l->open));
    l->open_at = mem_alloc(n * sizeof(*l->open_at));
    n = 0;
    for (size_t i = 0; i < l->due.n_recipients; i++) {
        if (l->outcomes[i].fate != LETTER_OPEN)
            continue;
        l->open[n] = i;
        l->open_at[n++] = slice_from_cstr(l->due.recipients[i]);
    }
    l->offset = 0;
    l->read_status = STORE_OK;
    l->wire = (struct transport_letter){
        .reverse_path = slice_from_cstr(l->due.reverse_path),
        .recipients = l->open_at,
        .replies = mem_zalloc(n, sizeof(struct transport_reply)),
        .n_recipients = n,
        .size = l->due.prefix_len + l->due.body_size,
        .read = read_wire,
        .read_rewind = rewind_wire,
        .read_cancel = cancel_read,
    };
    return true;
}

void letter_release(struct letter *l) {
    cancel_read(&l->wire);
    free(l->open);
    free(l->open_at);
    free(l->wire.replies);
    l->open = NULL;
    l->open_at = NULL;
    l->wire = (struct transport_letter){0};
}

// ---- outcome ----

void letter_set_outcome(struct letter *l, size_t recipient, enum letter_fate fate, struct slice reply) {
    struct letter_outcome *o = &l->outcomes[recipient];
    free(o->reply);
    o->fate = fate;
    o->reply = fate == LETTER_OPEN || fate == LETTER_TAKEN ? NULL : slice_dup(reply);
}

void letter_set_rest(struct letter *l, enum letter_fate fate, struct slice reply) {
    for (size_t i = 0; i < l->due.n_recipients; i++)
        if (l->outcomes[i].fate == LETTER_OPEN)
            letter_set_outcome(l, i, fate, reply);
}

static enum letter_fate fate_of(uint16_t code) {
    if (code >= 200 && code < 300)
        return LETTER_TAKEN;
    return code >= 500 && code < 600 ? LETTER_NEVER : LETTER_LATER;
}

void letter_take_reply(struct letter *l, size_t i, const char *host) {
    const struct transport_reply *reply = &l->wire.replies[i];
    enum letter_fate fate = fate_of(reply->code);
    struct slice text = slice_from_cstr(reply->text);
    char passed_on[STORE_REPLY_MAX + 1];
    if (host != NULL && fate != LETTER_TAKEN) {
        int n = snprintf(passed_on, sizeof(passed_on), "%s (forwarded from %s)", reply->text, host);
        text = slice_make(passed_on, (size_t)n < sizeof(passed_on) ? (size_t)n : sizeof(passed_on) - 1);
    }
    letter_set_outcome(l, l->open[i], fate, text);
}

size_t letter_count(const struct letter *l, enum letter_fate fate) {
    size_t n = 0;
    for (size_t i = 0; i < l->due.n_recipients; i++)
        n += l->outcomes[i].fate == fate;
    return n;
}
