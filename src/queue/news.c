// SPDX-License-Identifier: MIT
#include "queue/news.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/queue_internal.h"
#include "store/queue_operator_ops.h"

// Shared by the queue and by what is on its way; lives until the last of them is gone.
struct inbox {
    struct loop *loop;
    struct queue *q; // loop thread; NULL after inbox_close()
    atomic_uint refs;
    atomic_size_t n, octets; // on their way
    struct loop_task look;   // some were left out
    atomic_bool look_posted;
};

enum said { SAID_NEWS, SAID_GIVE_UP };

struct saying {
    struct loop_task task;
    struct inbox *inbox;
    enum said said;
    int64_t not_before;
    uint64_t due_id;
    bool has_due;
    struct store_due due;
    size_t octets;
    char destination[STORE_DESTINATION_MAX + 1];
};

static void unref(struct inbox *in) {
    if (atomic_fetch_sub(&in->refs, 1) == 1)
        free(in);
}

struct inbox *inbox_new(struct queue *q) {
    struct inbox *in = MEM_NEW(struct inbox);
    in->loop = q->loop;
    in->q = q;
    atomic_init(&in->refs, 1);
    return in;
}

void inbox_close(struct inbox *in) {
    in->q = NULL;
    unref(in);
}

// ---- on the loop ----

static void hear_news(struct queue *q, struct saying *s) {
    if (s->not_before > clock_wall_s()) {
        scheduler_expect(q, s->not_before);
        return;
    }
    struct lane *lane = lane_find(&q->lanes, slice_from_cstr(s->destination));
    if (lane == NULL)
        scheduler_add(q, s->destination);
    else if (!s->has_due)
        lane_poke(lane);
    else
        lane_offer(lane, &s->due);
}

static void hear(struct queue *q, struct saying *s) {
    if (!q->started || q->stopping)
        return; // the store has it all
    switch (s->said) {
    case SAID_NEWS:
        hear_news(q, s);
        break;
    case SAID_GIVE_UP:
        giveup_want(q, slice_from_cstr(s->destination), s->due_id);
        break;
    }
}

static void run_saying(struct loop_task *task) {
    struct saying *s = CONTAINER_OF(task, struct saying, task);
    struct inbox *in = s->inbox;
    atomic_fetch_sub(&in->n, 1);
    atomic_fetch_sub(&in->octets, s->octets);
    if (in->q != NULL)
        hear(in->q, s);
    store_due_done(&s->due);
    free(s);
    unref(in);
}

static void run_look(struct loop_task *task) {
    struct inbox *in = CONTAINER_OF(task, struct inbox, look);
    atomic_store(&in->look_posted, false);
    if (in->q != NULL && in->q->started && !in->q->stopping)
        scheduler_look(in->q);
    unref(in);
}

// ---- on any thread ----

static void post(struct inbox *in, struct saying *s) {
    s->inbox = in;
    s->task.run = run_saying;
    atomic_fetch_add(&in->refs, 1);
    atomic_fetch_add(&in->n, 1);
    atomic_fetch_add(&in->octets, s->octets);
    loop_post(in->loop, &s->task);
}

static void post_look(struct inbox *in) {
    if (atomic_exchange(&in->look_posted, true))
        return;
    atomic_fetch_add(&in->refs, 1);
    in->look.run = run_look;
    loop_post(in->loop, &in->look);
}

static struct saying *saying_new(enum said said, struct slice destination) {
    struct saying *s = MEM_NEW(struct saying);
    s->said = said;
    destination = slice_sub(destination, 0, STORE_DESTINATION_MAX);
    memcpy(s->destination, destination.ptr, destination.len);
    return s;
}

static size_t octets_of(const struct store_due *d) {
    size_t n = sizeof(*d) + d->prefix_len + strlen(d->reverse_path);
    for (size_t i = 0; i < d->n_recipients; i++)
        n += strlen(d->recipients[i]) + 1 + sizeof(char *);
    return n;
}

static char *dup(const char *s) {
    return slice_dup(slice_from_cstr(s));
}

static void copy_due(const struct store_due *d, struct store_due *ret) {
    *ret = *d;
    ret->destination = dup(d->destination);
    ret->prefix = mem_strndup(d->prefix, d->prefix_len);
    ret->reverse_path = dup(d->reverse_path);
    ret->last_reply = dup(d->last_reply);
    ret->recipients = mem_alloc(d->n_recipients * sizeof(char *));
    for (size_t i = 0; i < d->n_recipients; i++)
        ret->recipients[i] = dup(d->recipients[i]);
}

void inbox_on_store(void *arg, const struct store_queue_news *news) {
    struct inbox *in = arg;
    if (atomic_load(&in->n) >= INBOX_NEWS_MAX) {
        post_look(in);
        return;
    }
    struct saying *s = saying_new(SAID_NEWS, slice_from_cstr(news->destination));
    s->not_before = news->not_before;
    if (news->due != NULL) {
        size_t octets = octets_of(news->due);
        if (atomic_load(&in->octets) + octets <= INBOX_OCTETS_MAX) {
            s->has_due = true;
            s->octets = octets;
            copy_due(news->due, &s->due);
        }
    }
    post(in, s);
}

void inbox_give_up(struct inbox *in, struct slice destination, uint64_t due_id) {
    struct saying *s = saying_new(SAID_GIVE_UP, destination);
    s->due_id = due_id;
    post(in, s);
}

size_t inbox_count(struct inbox *in) {
    return atomic_load(&in->n);
}
