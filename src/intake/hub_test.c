// SPDX-License-Identifier: MIT
#include "intake/hub.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "intake/id_map.h"

// ---- the map below ----

static void test_id_map(void **state) {
    (void)state;
    struct id_map m = {0};
    static bool in[4096];
    uint64_t seed = 1;
    size_t n = 0;
    assert_null(id_map_find(&m, 1));
    id_map_remove(&m, 1);
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t id = 1 + (seed >> 33) % (ARRAY_LEN(in) - 1);
        bool grow = (i / 20000) % 2 == 0;
        if (grow && !in[id]) {
            id_map_add(&m, id)->value.bits = id * 3;
            in[id] = true;
            n++;
        } else if (!grow && in[id]) {
            id_map_remove(&m, id);
            in[id] = false;
            n--;
        }
        assert_int_equal(m.n_used, n);
        const struct id_map_slot *s = id_map_find(&m, id);
        assert_int_equal(s != NULL, in[id]);
        if (s != NULL)
            assert_int_equal(s->value.bits, id * 3);
    }
    for (uint64_t id = 1; id < ARRAY_LEN(in); id++)
        assert_int_equal(id_map_find(&m, id) != NULL, in[id]);
    for (uint64_t id = 1; id < ARRAY_LEN(in); id++)
        id_map_remove(&m, id);
    assert_null(m.slots);
}

// ---- one loop ----

struct ear {
    struct hub_watcher w;
    struct hub *hub;
    size_t n_heard;
    uint32_t last_uid;
    uint64_t last_mailbox;
    struct ear *unwatch_on_change[2];
    struct ear *watch_on_change;
};

static void on_change(struct hub_watcher *w, const struct store_change *change) {
    struct ear *e = CONTAINER_OF(w, struct ear, w);
    e->n_heard++;
    e->last_mailbox = change->mailbox_id;
    if (change->n_uids > 0)
        e->last_uid = change->uids[change->n_uids - 1];
    for (size_t i = 0; i < ARRAY_LEN(e->unwatch_on_change); i++)
        if (e->unwatch_on_change[i] != NULL)
            hub_unwatch(e->hub, &e->unwatch_on_change[i]->w);
    if (e->watch_on_change != NULL && e->watch_on_change->w.mailbox_id == 0)
        hub_watch(e->hub, &e->watch_on_change->w, change->mailbox_id);
}

static struct ear make_ear(struct hub *h, struct loop *loop) {
    return (struct ear){.w = {.loop = loop, .on_change = on_change}, .hub = h};
}

static void publish(struct hub *h, uint64_t mailbox_id, uint32_t uid) {
    uint32_t uids[2] = {uid - 1, uid};
    struct store_change c = {.kind = STORE_CHANGE_ADDED, .mailbox_id = mailbox_id, .uids = uids, .n_uids = 2};
    hub_publish(h, &c);
    memset(uids, 0xff, sizeof(uids)); // the hub has copied them
}

static void test_watch(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct hub *h = hub_new(&loop, 1);
    struct ear a = make_ear(h, loop), b = make_ear(h, loop), c = make_ear(h, loop);
    hub_unwatch(h, &a.w); // harmless
    hub_watch(h, &a.w, 5);
    hub_watch(h, &b.w, 5);
    hub_watch(h, &c.w, 6);
    publish(h, 5, 41);
    assert_int_equal(a.n_heard, 0); // in a later turn
    loop_run_ready(loop);
    assert_int_equal(a.n_heard, 1);
    assert_int_equal(a.last_uid, 41);
    assert_int_equal(b.n_heard, 1);
    assert_int_equal(c.n_heard, 0);
    hub_unwatch(h, &a.w);
    hub_unwatch(h, &a.w);
    publish(h, 5, 42);
    publish(h, 6, 43);
    publish(h, 7, 44);
    hub_unwatch(h, &b.w); // while the event is on its way
    loop_run_ready(loop);
    assert_int_equal(a.n_heard, 1);
    assert_int_equal(b.n_heard, 1);
    assert_int_equal(c.last_uid, 43);
    hub_watch(h, &b.w, 6);
    struct store_change gone = {.kind = STORE_CHANGE_DELETED, .mailbox_id = 6};
    hub_publish(h, &gone);
    loop_run_ready(loop);
    assert_int_equal(b.n_heard, 2);
    hub_unwatch(h, &b.w);
    hub_unwatch(h, &c.w);
    loop_free(loop);
    hub_free(h);
}

static void test_unwatch_within_a_callback(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct hub *h = hub_new(&loop, 1);
    // Who goes first removes itself and all others: nobody else is called, and the audience is gone.
    struct ear a = make_ear(h, loop), b = make_ear(h, loop), c = make_ear(h, loop);
    a.unwatch_on_change[0] = &a;
    a.unwatch_on_change[1] = &b;
    hub_watch(h, &a.w, 9);
    hub_watch(h, &b.w, 9);
    publish(h, 9, 1);
    loop_run_ready(loop);
    assert_int_equal(a.n_heard + b.n_heard, 1);
    // Who is added within is not called for the same change.
    struct ear d = make_ear(h, loop);
    d.unwatch_on_change[0] = &d;
    d.watch_on_change = &c;
    hub_watch(h, &d.w, 9);
    publish(h, 9, 2);
    loop_run_ready(loop);
    assert_int_equal(d.n_heard, 1);
    assert_int_equal(c.n_heard, 0);
    publish(h, 9, 3);
    loop_run_ready(loop);
    assert_int_equal(c.last_uid, 3);
    hub_unwatch(h, &c.w);
    loop_free(loop);
    hub_free(h);
}

static void test_hundred(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct hub *h = hub_new(&loop, 1);
    struct ear ears[100];
    for (size_t i = 0; i < ARRAY_LEN(ears); i++) {
        ears[i] = make_ear(h, loop);
        hub_watch(h, &ears[i].w, 100 + i);
    }
    uint64_t start = clock_mono_us();
    for (uint32_t round = 1; round <= 100; round++)
        for (size_t i = 0; i < ARRAY_LEN(ears); i++)
            publish(h, 100 + i, round);
    uint64_t published = clock_mono_us();
    loop_run_ready(loop);
    print_message("# 100 mailboxes: %.1f us to publish, %.1f us to tell\n", (double)(published - start) / 100,
                  (double)(clock_mono_us() - published) / 100);
    for (size_t i = 0; i < ARRAY_LEN(ears); i++) {
        assert_int_equal(ears[i].n_heard, 100);
        hub_unwatch(h, &ears[i].w);
    }
    loop_free(loop);
    hub_free(h);
}

// ---- threads ----

enum { MAILBOXES = 16, CHANGES = 20000 };

// A loop of its own with watchers that come and go; each checks that UIDs only rise.
struct floor_of_ears {
    struct loop *loop;
    struct hub *hub;
    struct loop_task begin, churn, end;
    struct ear ears[MAILBOXES];
    atomic_bool ready;
    size_t turns;
    bool ended;
};

static void on_rising(struct hub_watcher *w, const struct store_change *change) {
    struct ear *e = CONTAINER_OF(w, struct ear, w);
    ASSERT(loop_is_current(w->loop));
    ASSERT(change->uids[change->n_uids - 1] > e->last_uid);
    e->last_uid = change->uids[change->n_uids - 1];
    e->n_heard++;
}

static void run_begin(struct loop_task *task) {
    struct floor_of_ears *f = CONTAINER_OF(task, struct floor_of_ears, begin);
    for (size_t i = 0; i < MAILBOXES; i++) {
        f->ears[i] = make_ear(f->hub, f->loop);
        f->ears[i].w.on_change = on_rising;
        hub_watch(f->hub, &f->ears[i].w, i + 1);
    }
    atomic_store(&f->ready, true);
    loop_post(f->loop, &f->churn);
}

// All but the first watcher go and come again.
static void run_churn(struct loop_task *task) {
    struct floor_of_ears *f = CONTAINER_OF(task, struct floor_of_ears, churn);
    if (f->ended)
        return;
    size_t i = 1 + f->turns++ % (MAILBOXES - 1);
    if (f->ears[i].w.mailbox_id != 0)
        hub_unwatch(f->hub, &f->ears[i].w);
    else
        hub_watch(f->hub, &f->ears[i].w, i + 1);
    if (f->turns < 5000)
        loop_post(f->loop, &f->churn);
}

static void run_end(struct loop_task *task) {
    struct floor_of_ears *f = CONTAINER_OF(task, struct floor_of_ears, end);
    f->ended = true;
    for (size_t i = 0; i < MAILBOXES; i++)
        hub_unwatch(f->hub, &f->ears[i].w);
    loop_stop(f->loop);
}

static void *run_floor(void *arg) {
    struct floor_of_ears *f = arg;
    loop_run(f->loop);
    return NULL;
}

static void test_two_threads(void **state) {
    (void)state;
    struct loop *loops[2] = {loop_new(), loop_new()};
    struct hub *h = hub_new(loops, 2);
    static struct floor_of_ears floors[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        floors[i] = (struct floor_of_ears){.loop = loops[i], .hub = h};
        floors[i].begin.run = run_begin;
        floors[i].churn.run = run_churn;
        floors[i].end.run = run_end;
        loop_post(loops[i], &floors[i].begin);
        assert_int_equal(pthread_create(&threads[i], NULL, run_floor, &floors[i]), 0);
    }
    while (!atomic_load(&floors[0].ready) || !atomic_load(&floors[1].ready))
        sched_yield();
    for (uint32_t uid = 1; uid <= CHANGES; uid++)
        publish(h, 1 + uid % MAILBOXES, uid);
    publish(h, 1, CHANGES + 1);
    for (size_t i = 0; i < 2; i++)
        loop_post(loops[i], &floors[i].end);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        // The watcher that stayed missed nothing.
        assert_int_equal(floors[i].ears[0].n_heard, CHANGES / MAILBOXES + 1);
        assert_int_equal(floors[i].ears[0].last_uid, CHANGES + 1);
        loop_free(loops[i]);
    }
    hub_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_map),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_unwatch_within_a_callback),
        cmocka_unit_test(test_hundred),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
