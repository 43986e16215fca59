// SPDX-License-Identifier: MIT
// A process that is killed at any instant while mail comes in and pushes are settled. A message is there exactly when
// its push was asked for: what was delivered and not told to the gateway waits, what was settled does not, and a dead
// token does not come back. Only the one step that was under way may have happened or not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/push_ops.h"
#include "store/test_support.h"

enum { ROUNDS = 20, SIZE = 700 };

// What the child is about to do, then the same once it is done.
enum step { DELIVER = 1, SETTLE_DONE, SETTLE_RETRY, SETTLE_GONE, SET_TOKEN };
struct event {
    uint32_t step;
    bool is_done;
};

// What the store must hold.
struct model {
    unsigned messages;
    bool has_token, waits, was_tried;
};

static void apply(struct model *m, enum step step) {
    switch (step) {
    case DELIVER:
        m->messages++;
        m->waits = m->has_token;
        m->was_tried = false;
        break;
    case SETTLE_DONE:
        m->waits = m->was_tried = false;
        break;
    case SETTLE_RETRY:
        m->was_tried = m->waits;
        break;
    case SETTLE_GONE:
        m->has_token = m->waits = m->was_tried = false;
        break;
    case SET_TOKEN:
        m->has_token = true;
        break;
    }
}

static bool equal(const struct model *a, const struct model *b) {
    return a->messages == b->messages && a->has_token == b->has_token && a->waits == b->waits &&
           a->was_tried == b->was_tried;
}

// ---- the child ----

static void tell(int fd, enum step step, bool is_done) {
    struct event e = {.step = step, .is_done = is_done};
    if (write(fd, &e, sizeof(e)) != sizeof(e))
        _exit(1);
}

static void run_step(struct fixture *f, int fd, enum step step, struct store_op *op) {
    tell(fd, step, false);
    if (run_and_free(f, op) != STORE_OK)
        _exit(2);
    tell(fd, step, true);
}

static void deliver_one(struct fixture *f, int fd, const char *data) {
    uint8_t dedup[32];
    random_bytes(dedup, sizeof(dedup));
    struct store_deliver *d = store_deliver_new(make_body(f, data, SIZE), dedup);
    store_deliver_add(d, SLICE("a@example.org"));
    run_step(f, fd, DELIVER, &d->op);
}

static void settle_one(struct fixture *f, int fd, const struct store_push *p, enum step step) {
    struct store_push_settle *s = store_push_settle_new();
    int64_t now = clock_wall_ms();
    if (step == SETTLE_DONE)
        store_push_settle_done(s, p->token_id, p->asked_ms, now);
    else if (step == SETTLE_RETRY)
        store_push_settle_retry(s, p->token_id, p->asked_ms, now, now, p->tries + 1);
    else
        store_push_settle_gone(s, p->token_id);
    run_step(f, fd, step, &s->op);
}

static _Noreturn void child(struct fixture *f, unsigned seed, int fd) {
    static const enum step steps[] = {SETTLE_RETRY, SETTLE_DONE, SETTLE_RETRY, SETTLE_RETRY, SETTLE_GONE, SETTLE_DONE};
    f->loop = loop_new();
    fixture_open(f);
    store_set_push_enabled(f->store, true);
    char *data = make_message(SIZE, 1);
    for (unsigned i = seed;; i++) {
        if (i % 3 != 0)
            run_step(f, fd, SET_TOKEN, &store_token_add_new(1, SLICE("token"))->op);
        deliver_one(f, fd, data);
        struct store_push_load *l = store_push_load_new(clock_wall_ms(), 8, 8);
        if (run_op(f, &l->op) != STORE_OK)
            _exit(3);
        for (size_t j = 0; j < l->ret_n; j++)
            settle_one(f, fd, &l->ret_pushes[j], steps[i % ARRAY_LEN(steps)]);
        store_op_free(&l->op);
    }
}

// ---- the parent ----

// Returns what was under way at the end; 0: nothing.
static enum step run_child(struct fixture *f, unsigned round, struct model *m, unsigned *ret_steps) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        child(f, round * 5, fds[1]);
    }
    (void)close(fds[1]);
    wait_for_octets(fds[0], round % 4 * 2 * sizeof(struct event));
    long ms = 30 + (long)round * 13;
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how));
    struct event e = {.is_done = true};
    for (ssize_t got; (got = read(fds[0], &e, sizeof(e))) > 0; *ret_steps += e.is_done) {
        assert_int_equal(got, sizeof(e));
        if (e.is_done)
            apply(m, (enum step)e.step);
    }
    (void)close(fds[0]);
    return e.is_done ? 0 : (enum step)e.step;
}

static struct model look(struct fixture *f) {
    return (struct model){
        .messages = (unsigned)fixture_number(f, "SELECT count(*) FROM entry"),
        .has_token = fixture_number(f, "SELECT count(*) FROM token") > 0,
        .waits = fixture_number(f, "SELECT count(*) FROM push") > 0,
        .was_tried = fixture_number(f, "SELECT count(*) FROM push WHERE tries > 0") > 0,
    };
}

static void test_killed(void **state) {
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    struct model m = {0};
    unsigned n_steps = 0, n_in_doubt = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        fixture_close(&f);
        loop_free(f.loop);
        f.loop = NULL;
        enum step under_way = run_child(&f, round, &m, &n_steps);
        f.loop = loop_new();
        fixture_open(&f);
        struct model got = look(&f), other = m;
        if (under_way != 0)
            apply(&other, under_way);
        n_in_doubt += under_way != 0;
        if (!equal(&got, &m) && !equal(&got, &other))
            fail_msg("round %u, step %d: want %u messages/%d/%d/%d, got %u/%d/%d/%d", round, under_way, m.messages,
                     m.has_token, m.waits, m.was_tried, got.messages, got.has_token, got.waits, got.was_tried);
        m = got;
        fixture_close(&f);
        int n;
        assert_string_equal(fixture_verify(&f, &n), "");
        fixture_open(&f);
    }
    print_message("# %u steps, %u kills within one\n", n_steps, n_in_doubt);
    assert_true(n_steps > ROUNDS);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};
    return cmocka_run_group_tests_name("store/push_crash", tests, NULL, NULL);
}
