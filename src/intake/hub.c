// SPDX-License-Identifier: MIT
// Two levels: a sharded map, shared by all threads, says which loops watch a mailbox at all (one bit a loop); a map on
// each loop, touched by that loop's thread alone, holds the watchers. The writer therefore takes one short lock for
// each change and posts one event to each interested loop; a change of a mailbox that nobody watches costs the lock
// alone.
#include "intake/hub.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "intake/counts.h"
#include "intake/id_map.h"

enum { SHARDS = 64, LOOPS_MAX = 64 };

struct shard {
    pthread_mutex_t lock;
    struct id_map interest; // mailbox id -> bit set of loops
};

// The watchers of one mailbox on one loop.
struct audience {
    struct list watchers;
    size_t n_watchers; // counts those that an event under way has taken off the list, too
};

struct hub_loop {
    struct loop *loop;
    struct id_map audiences; // mailbox id -> struct audience; this loop's thread only
};

struct hub {
    struct shard shards[SHARDS];
    size_t n_loops;
    struct hub_loop loops[];
};

// A change on its way to one loop.
struct event {
    struct loop_task task;
    struct hub_loop *target;
    struct store_change change; // its uids stand below
    uint32_t uids[];
};

struct hub *hub_new(struct loop *const *loops, size_t n_loops) {
    ASSERT(n_loops > 0 && n_loops <= LOOPS_MAX);
    struct hub *h = mem_zalloc(1, sizeof(*h) + n_loops * sizeof(h->loops[0]));
    for (size_t i = 0; i < SHARDS; i++)
        ASSERT(pthread_mutex_init(&h->shards[i].lock, NULL) == 0);
    h->n_loops = n_loops;
    for (size_t i = 0; i < n_loops; i++)
        h->loops[i].loop = loops[i];
    return h;
}

void hub_free(struct hub *h) {
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->n_loops; i++) {
        ASSERT(h->loops[i].audiences.n_used == 0);
        id_map_done(&h->loops[i].audiences);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        id_map_done(&h->shards[i].interest);
        pthread_mutex_destroy(&h->shards[i].lock);
    }
    free(h);
}

static struct shard *shard_of(struct hub *h, uint64_t mailbox_id) {
    return &h->shards[mailbox_id % SHARDS];
}

static size_t index_of_loop(const struct hub *h, const struct loop *loop) {
    for (size_t i = 0; i < h->n_loops; i++)
        if (h->loops[i].loop == loop)
            return i;
    UNREACHABLE();
}

// Says whether any watcher of this loop is there, so that the writer posts to it or spares it.
static void set_interest(struct hub *h, size_t loop_index, uint64_t mailbox_id, bool interested) {
    struct shard *s = shard_of(h, mailbox_id);
    uint64_t bit = UINT64_C(1) << loop_index;
    pthread_mutex_lock(&s->lock);
    struct id_map_slot *slot = id_map_add(&s->interest, mailbox_id);
    if (interested)
        slot->value.bits |= bit;
    else
        slot->value.bits &= ~bit;
    if (slot->value.bits == 0)
        id_map_remove(&s->interest, mailbox_id);
    pthread_mutex_unlock(&s->lock);
}

static uint64_t interest_of(struct hub *h, uint64_t mailbox_id) {
    struct shard *s = shard_of(h, mailbox_id);
    pthread_mutex_lock(&s->lock);
    const struct id_map_slot *slot = id_map_find(&s->interest, mailbox_id);
    uint64_t loops = slot != NULL ? slot->value.bits : 0;
    pthread_mutex_unlock(&s->lock);
    return loops;
}

void hub_watch(struct hub *h, struct hub_watcher *w, uint64_t mailbox_id) {
    ASSERT(mailbox_id != 0 && w->mailbox_id == 0 && w->on_change != NULL);
    size_t i = index_of_loop(h, w->loop);
    struct id_map_slot *slot = id_map_add(&h->loops[i].audiences, mailbox_id);
    struct audience *a = slot->value.ptr;
    if (a == NULL) {
        a = MEM_NEW(struct audience);
        list_init(&a->watchers);
        slot->value.ptr = a;
        set_interest(h, i, mailbox_id, true);
    }
    w->mailbox_id = mailbox_id;
    list_append(&a->watchers, &w->link);
    a->n_watchers++;
}

void hub_unwatch(struct hub *h, struct hub_watcher *w) {
    if (w->mailbox_id == 0)
        return;
    size_t i = index_of_loop(h, w->loop);
    struct id_map_slot *slot = id_map_find(&h->loops[i].audiences, w->mailbox_id);
    ASSERT(slot != NULL);
    struct audience *a = slot->value.ptr;
    list_remove(&w->link);
    a->n_watchers--;
    if (a->n_watchers == 0) {
        set_interest(h, i, w->mailbox_id, false);
        id_map_remove(&h->loops[i].audiences, w->mailbox_id);
        free(a);
    }
    w->mailbox_id = 0;
}

// The watchers move to a list of their own and come back one by one before they are called: whoever is unwatched
// meanwhile is not called, whoever is added is not called for this change, and the audience may die with its last
// watcher.
static void tell_audience(struct audience *a, const struct store_change *change) {
    struct list todo;
    list_init(&todo);
    struct list *node;
    while ((node = list_take_first(&a->watchers)) != NULL)
        list_append(&todo, node);
    while ((node = list_take_first(&todo)) != NULL) {
        list_append(&a->watchers, node);
        struct hub_watcher *w = CONTAINER_OF(node, struct hub_watcher, link);
        w->on_change(w, change);
    }
}

static void run_event(struct loop_task *task) {
    struct event *e = CONTAINER_OF(task, struct event, task);
    const struct id_map_slot *slot = id_map_find(&e->target->audiences, e->change.mailbox_id);
    if (slot != NULL) { // else the last watcher left while the event was on its way
        tell_audience(slot->value.ptr, &e->change);
        if (e->change.since_us != 0)
            intake_count_notice(clock_mono_us() - e->change.since_us);
    }
    free(e);
}

static void post_event(struct hub_loop *target, const struct store_change *change) {
    size_t uids_size = change->n_uids * sizeof(change->uids[0]);
    struct event *e = mem_alloc(sizeof(*e) + uids_size);
    *e = (struct event){.task.run = run_event, .target = target, .change = *change};
    if (uids_size > 0)
        memcpy(e->uids, change->uids, uids_size);
    e->change.uids = e->uids;
    loop_post(target->loop, &e->task);
}

void hub_publish(void *hub, const struct store_change *change) {
    struct hub *h = hub;
    uint64_t loops = interest_of(h, change->mailbox_id);
    while (loops != 0) {
        post_event(&h->loops[__builtin_ctzll(loops)], change);
        loops &= loops - 1;
    }
}
