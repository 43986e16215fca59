// SPDX-License-Identifier: MIT
// Loops: posting across threads, order, deferral, timers; and the pool of workers.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/worker.h"

enum { POSTERS = 4, POSTS = 20 * 1000 };

struct post {
    struct loop_task task;
    struct poster *by;
    int number;
};

struct poster {
    struct loop *loop;
    pthread_t thread;
    struct post posts[POSTS];
    int seen; // loop thread only
    atomic_int *left;
};

static void count_post(struct loop_task *task) {
    struct post *p = CONTAINER_OF(task, struct post, task);
    assert_true(loop_is_current(p->by->loop));
    assert_int_equal(p->number, p->by->seen);
    p->by->seen++;
    if (atomic_fetch_sub(p->by->left, 1) == 1)
        loop_stop(p->by->loop);
}

static void *run_poster(void *arg) {
    struct poster *by = arg;
    for (int i = 0; i < POSTS; i++) {
        by->posts[i] = (struct post){.task.run = count_post, .by = by, .number = i};
        loop_post(by->loop, &by->posts[i].task);
    }
    return NULL;
}

static void test_posts_from_threads_come_in_order(void **state) {
    struct loop *loop = loop_new();
    atomic_int left = POSTERS * POSTS;
    struct poster *posters = mem_zalloc(POSTERS, sizeof(*posters));
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].left = &left;
        assert_int_equal(pthread_create(&posters[i].thread, NULL, run_poster, &posters[i]), 0);
    }
    assert_false(loop_is_current(loop));
    loop_run(loop);
    assert_false(loop_is_current(loop));
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
        assert_int_equal(posters[i].seen, POSTS);
    }
    free(posters);
    loop_free(loop);
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

// Two loops hand one task to each other.
struct ball {
    struct loop_task task;
    struct loop *loops[2];
    int throws;
};

static void catch_ball(struct loop_task *task) {
    struct ball *b = CONTAINER_OF(task, struct ball, task);
    int here = b->throws++ % 2;
    assert_true(loop_is_current(b->loops[here]));
    if (b->throws < 10 * 1000) {
        loop_post(b->loops[1 - here], task);
        return;
    }
    loop_stop(b->loops[0]);
    loop_stop(b->loops[1]);
}

static void test_loops_throw_a_ball(void **state) {
    struct ball b = {.task.run = catch_ball, .loops = {loop_new(), loop_new()}};
    pthread_t threads[2];
    loop_post(b.loops[0], &b.task);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, b.loops[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(b.throws, 10 * 1000);
    loop_free(b.loops[0]);
    loop_free(b.loops[1]);
}

// What ran, in order, as letters.
struct note {
    struct loop_task task;
    struct loop_timer timer;
    struct loop *loop;
    struct note *defers; // its task or timer defers this one
    char letter;
};

static char trace[64];
static size_t trace_len;

static void write_down(struct note *n) {
    assert_true(trace_len + 1 < sizeof(trace));
    trace[trace_len++] = n->letter;
    trace[trace_len] = '\0';
    if (n->defers != NULL)
        loop_defer(n->loop, &n->defers->task);
}

static void run_note(struct loop_task *task) {
    write_down(CONTAINER_OF(task, struct note, task));
}
static void fire_note(struct loop_timer *timer) {
    write_down(CONTAINER_OF(timer, struct note, timer));
}

static int clear_trace(void **state) {
    trace_len = 0;
    trace[0] = '\0';
    return 0;
}

static void test_deferred_runs_after_all_callbacks(void **state) {
    struct loop *loop = loop_new();
    struct note later = {.task.run = run_note, .loop = loop, .letter = 'z'};
    struct note soon = {.task.run = run_note, .loop = loop, .letter = 'y', .defers = &later};
    struct note a = {.task.run = run_note, .loop = loop, .letter = 'a', .defers = &soon};
    struct note b = {.task.run = run_note, .loop = loop, .letter = 'b'};
    struct note t = {.loop = loop, .letter = 't'};
    loop_timer_init(&t.timer, loop, fire_note);
    loop_timer_start(&t.timer, 0);
    loop_post(loop, &a.task);
    loop_post(loop, &b.task);
    loop_run_ready(loop);
    assert_true(strcmp(trace, "abtyz") == 0 || strcmp(trace, "tabyz") == 0);
    loop_timer_done(&t.timer);
    loop_free(loop);
}

static void test_free_runs_what_is_left(void **state) {
    struct loop *loop = loop_new();
    struct note z = {.task.run = run_note, .loop = loop, .letter = 'z'};
    struct note a = {.task.run = run_note, .loop = loop, .letter = 'a', .defers = &z};
    loop_post(loop, &a.task);
    loop_free(loop);
    assert_string_equal(trace, "az");
}

static void test_timer(void **state) {
    struct loop *loop = loop_new();
    struct note slow = {.loop = loop, .letter = 's'}, fast = {.loop = loop, .letter = 'f'}, never = {.letter = 'n'};
    struct loop_timer zeroed = {0};
    loop_timer_init(&slow.timer, loop, fire_note);
    loop_timer_init(&fast.timer, loop, fire_note);
    loop_timer_init(&never.timer, loop, fire_note);
    loop_timer_start(&slow.timer, 1);
    loop_timer_start(&slow.timer, 40); // anew
    loop_timer_start(&fast.timer, 20);
    loop_timer_start(&never.timer, 1);
    loop_timer_stop(&never.timer);
    uint64_t start = clock_mono_ms();
    while (trace_len < 2 && clock_mono_ms() < start + 60000)
        loop_run_ready(loop);
    assert_string_equal(trace, "fs");
    assert_in_range(clock_mono_ms() - start, 35, 1000);
    loop_timer_stop(&zeroed);
    loop_timer_done(&zeroed);
    loop_timer_done(&slow.timer);
    loop_timer_done(&fast.timer);
    loop_timer_done(&never.timer);
    loop_free(loop);
}

static void test_stop_before_run(void **state) {
    struct loop *loop = loop_new();
    loop_stop(loop);
    loop_run(loop);
    loop_free(loop);
}

struct square {
    struct worker_job job;
    int in, out;
    int *left;
};

static void work_square(struct worker_job *job) {
    struct square *s = CONTAINER_OF(job, struct square, job);
    s->out = s->in * s->in;
}

static void done_square(struct worker_job *job) {
    struct square *s = CONTAINER_OF(job, struct square, job);
    assert_true(loop_is_current(job->loop));
    assert_int_equal(s->out, s->in * s->in);
    if (--*s->left == 0)
        loop_stop(job->loop);
}

enum { JOBS = 2000 };

static int submit(struct worker_pool *pool, struct loop *loop, struct square *squares, int *left) {
    *left = JOBS;
    for (int i = 0; i < JOBS; i++) {
        squares[i] = (struct square){.job = {.work = work_square, .done = done_square}, .in = i, .left = left};
        worker_pool_submit(pool, loop, &squares[i].job);
    }
    return 0;
}

static void test_workers_complete_on_the_loop(void **state) {
    struct square *squares = mem_zalloc(JOBS, sizeof(*squares));
    struct loop *loop = loop_new();
    struct worker_pool *pool = worker_pool_new("a rather long name of a pool", 3);
    int left;
    submit(pool, loop, squares, &left);
    loop_run(loop);
    assert_int_equal(left, 0);
    assert_int_equal(worker_pool_backlog(pool), 0);
    worker_pool_free(pool);
    loop_free(loop);
    free(squares);
}

static void test_freeing_a_pool_finishes_its_work(void **state) {
    struct square *squares = mem_zalloc(JOBS, sizeof(*squares));
    struct loop *loop = loop_new();
    struct worker_pool *pool = worker_pool_new("w", 1);
    int left;
    submit(pool, loop, squares, &left);
    assert_in_range(worker_pool_backlog(pool), 0, JOBS);
    worker_pool_free(pool);
    assert_int_equal(left, JOBS);
    loop_run_ready(loop);
    assert_int_equal(left, 0);
    loop_free(loop);
    free(squares);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts_from_threads_come_in_order),
        cmocka_unit_test(test_loops_throw_a_ball),
        cmocka_unit_test_setup(test_deferred_runs_after_all_callbacks, clear_trace),
        cmocka_unit_test_setup(test_free_runs_what_is_left, clear_trace),
        cmocka_unit_test_setup(test_timer, clear_trace),
        cmocka_unit_test(test_stop_before_run),
        cmocka_unit_test(test_workers_complete_on_the_loop),
        cmocka_unit_test(test_freeing_a_pool_finishes_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
