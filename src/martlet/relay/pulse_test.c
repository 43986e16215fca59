// SPDX-License-Identifier: MIT
// Real loops, workers, a store and a listener, of which one is stuck at a time: then no round is complete until it
// moves again. The time is the test's.
#include <arpa/inet.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>
#include <sqlite3.h>

#include "base/mem.h"
#include "martlet/host/crew.h"
#include "martlet/relay/pulse.h"
#include "net/conn_fixture.h"
#include "net/worker.h"
#include "store/op.h"
#include "store/test_support.h"

enum { LOOPS = 2, WORKERS = 2, EVERY_MS = 5000, TURNS = 60 * 1000 };

static sem_t is_stuck, go_on;

static void get_stuck(void) {
    (void)sem_post(&is_stuck);
    while (sem_wait(&go_on) != 0)
        ;
}

static void wait_until_stuck(void) {
    while (sem_wait(&is_stuck) != 0)
        ;
}

static void short_nap(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

// ---- the relay in small ----

struct house {
    struct fixture f;
    struct crew *crew;
    struct worker_pool *workers;
    struct listener *listener;
    int listening_fd;
    struct pulse *pulse;
    uint64_t now_ms;
};

static void *open_nothing(void *arg, struct conn *c) {
    return NULL;
}

static void open_listener(struct house *h) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    h->listening_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(h->listening_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(h->listening_fd, 8), 0);
    const struct service svc = {.name = "test", .ops = &SCRIPT_OPS, .on_open = open_nothing};
    struct loop *const *loops = crew_loops(h->crew);
    h->listener = listener_new(h->listening_fd, loops[1], loops, LOOPS, &svc);
}

static void open_house(struct house *h) {
    *h = (struct house){.now_ms = 1000000};
    assert_int_equal(sem_init(&is_stuck, 0, 0), 0);
    assert_int_equal(sem_init(&go_on, 0, 0), 0);
    fixture_init(&h->f);
    h->crew = crew_new("loop", LOOPS);
    h->workers = worker_pool_new("crypt", WORKERS);
    open_listener(h);
    crew_start(h->crew);
    h->pulse = pulse_new(&(struct pulse_settings){.crews = {h->crew},
                                                  .n_crews = 1,
                                                  .listeners = &h->listener,
                                                  .n_listeners = 1,
                                                  .workers = h->workers,
                                                  .store = h->f.store,
                                                  .every_ms = EVERY_MS});
    assert_false(pulse_tick(h->pulse, h->now_ms)); // asks; nobody can have answered
}

static void close_house(struct house *h) {
    crew_stop(h->crew);
    pulse_end(h->pulse);
    listener_free(h->listener);
    worker_pool_free(h->workers);
    crew_free(h->crew);
    pulse_free(h->pulse);
    (void)close(h->listening_fd);
    fixture_done(&h->f);
    (void)sem_destroy(&is_stuck);
    (void)sem_destroy(&go_on);
}

static bool is_silent(const struct house *h, const char *who) {
    const char *silent = pulse_who_is_silent(h->pulse);
    return who == NULL ? silent == NULL : silent != NULL && strcmp(silent, who) == 0;
}

// The interval passes; whoever can answer has done so before.
static bool tick(struct house *h) {
    h->now_ms += EVERY_MS;
    return pulse_tick(h->pulse, h->now_ms);
}

static void expect_silent(struct house *h, const char *who) {
    for (int i = 0; i < TURNS && !is_silent(h, who); i++)
        short_nap();
    if (!is_silent(h, who)) {
        const char *silent = pulse_who_is_silent(h->pulse);
        fail_msg("got silent: %s, want: %s", silent != NULL ? silent : "nobody", who != NULL ? who : "nobody");
    }
}

static void expect_round(struct house *h) {
    expect_silent(h, NULL);
    assert_true(tick(h));
}

// However often the roll is called.
static void expect_no_round(struct house *h, const char *who) {
    for (int i = 0; i < 4; i++) {
        expect_silent(h, who);
        assert_false(tick(h));
    }
}

// A disk may stand still and go on: rounds come, and then no more.
static void expect_patience(struct house *h, const char *who) {
    for (int i = 1; i < 12; i++) {
        expect_silent(h, who);
        if (!tick(h))
            fail_msg("%s: no round after %d intervals", who, i);
    }
    expect_no_round(h, who);
}

static void test_all_answer(void **state) {
    struct house h;
    open_house(&h);
    expect_silent(&h, NULL);
    assert_false(pulse_tick(h.pulse, h.now_ms + EVERY_MS - 1));
    assert_int_equal(pulse_wait_ms(h.pulse, h.now_ms + EVERY_MS - 1), 1);
    for (int i = 0; i < 10; i++)
        expect_round(&h);
    close_house(&h);
}

// ---- one at a time ----

static void stuck_task(struct loop_task *task) {
    get_stuck();
}

static void test_loop(void **state) {
    struct house h;
    open_house(&h);
    expect_round(&h);
    expect_silent(&h, NULL);
    struct loop_task task = {.run = stuck_task};
    loop_post(crew_loops(h.crew)[0], &task);
    wait_until_stuck();
    assert_true(tick(&h)); // of the round before
    expect_no_round(&h, "loop-0");
    assert_int_equal(sem_post(&go_on), 0);
    expect_round(&h);
    close_house(&h);
}

static void stuck_work(struct worker_job *job) {
    get_stuck();
}
static atomic_int n_done;
static void count_job(struct worker_job *job) {
    atomic_fetch_add(&n_done, 1);
}

// One thread of two goes on, and is not enough.
static void test_worker(void **state) {
    struct house h;
    open_house(&h);
    expect_round(&h);
    expect_silent(&h, NULL);
    struct worker_job jobs[2] = {{.work = stuck_work, .done = count_job}, {.work = stuck_work, .done = count_job}};
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&n_done, 0);
        worker_pool_submit(h.workers, crew_loops(h.crew)[0], &jobs[i]);
        while (worker_pool_backlog(h.workers) > 0)
            short_nap();
        assert_true(tick(&h));
        expect_no_round(&h, "workers");
        assert_int_equal(sem_post(&go_on), 0);
        expect_round(&h);
        expect_silent(&h, NULL);
    }
    close_house(&h);
}

static enum store_status stuck_bulk(struct store_op *op) {
    get_stuck();
    return STORE_OK;
}
static const struct store_op_type stuck_type = {
    .name = "stuck", .size = sizeof(struct store_op), .mode = STORE_OP_BULK, .run_bulk = stuck_bulk};

static void test_bulk(void **state) {
    struct house h;
    open_house(&h);
    expect_round(&h);
    expect_silent(&h, NULL);
    store_op_submit(h.f.store, h.f.loop, op_new(&stuck_type), store_op_free, NULL);
    wait_until_stuck();
    assert_true(tick(&h));
    expect_patience(&h, "store-bulk");
    assert_int_equal(sem_post(&go_on), 0);
    expect_round(&h);
    close_house(&h);
}

// ---- a reader ----

enum { READS = 8 };

static atomic_bool readers_wanted;

// Of each connection, at each step of a statement.
static int on_step(void *arg) {
    char name[16] = "";
    bool wanted = true;
    if (pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strcmp(name, "store-read") == 0 &&
        atomic_compare_exchange_strong(&readers_wanted, &wanted, false))
        get_stuck();
    return 0;
}

// As sqlite3_auto_extension() wants it.
static int watch_steps(sqlite3 *db, char **ret_error, const struct sqlite3_api_routines *api) {
    sqlite3_progress_handler(db, 1, on_step, NULL);
    return SQLITE_OK;
}

static void submit_read(struct house *h) {
    store_op_submit(h->f.store, h->f.loop, &store_account_find_new(SLICE("a@example.org"))->op, store_op_free, NULL);
}

// In the middle of a statement. The others read on, and are not enough.
static void test_reader(void **state) {
    struct house h;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))watch_steps), SQLITE_OK);
    open_house(&h);
    expect_round(&h);
    expect_silent(&h, NULL);
    atomic_store(&readers_wanted, true);
    submit_read(&h);
    wait_until_stuck();
    for (int i = 0; i < READS; i++)
        submit_read(&h);
    assert_true(tick(&h));
    expect_patience(&h, "store-read");
    assert_int_equal(sem_post(&go_on), 0);
    expect_round(&h);
    loop_run_ready(h.f.loop);
    close_house(&h);
    (void)sqlite3_cancel_auto_extension((void (*)(void))watch_steps);
}

// ---- the writer ----

static void stuck_change(void *arg, const struct store_change *change) {
    get_stuck();
}

// On the writer's thread, after a commit.
static void test_writer(void **state) {
    struct house h;
    open_house(&h);
    store_set_on_change(h.f.store, stuck_change, NULL);
    (void)make_account(&h.f, "a@example.org", NULL);
    expect_round(&h);
    expect_silent(&h, NULL);
    const uint8_t dedup[32] = {0};
    char *data = make_message(300, 1);
    struct store_deliver *d = store_deliver_new(make_body(&h.f, data, 300), dedup);
    free(data);
    store_deliver_add(d, SLICE("a@example.org"));
    store_op_submit(h.f.store, h.f.loop, &d->op, store_op_free, NULL);
    wait_until_stuck();
    assert_true(tick(&h));
    expect_patience(&h, "store-write");
    assert_int_equal(sem_post(&go_on), 0);
    expect_round(&h);
    loop_run_ready(h.f.loop);
    close_house(&h);
}

static void stop_listener(void *arg, struct loop *loop, size_t index) {
    if (index == 1)
        listener_stop(arg);
}

// The loop runs, and the listener does not: what waits for it is the sign.
static void test_listener(void **state) {
    struct house h;
    open_house(&h);
    expect_round(&h);
    crew_call(h.crew, stop_listener, h.listener);
    expect_round(&h); // nobody wants anything of it
    struct sockaddr_in sa;
    socklen_t len = sizeof(sa);
    assert_int_equal(getsockname(h.listening_fd, (struct sockaddr *)&sa, &len), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    expect_silent(&h, NULL);
    assert_true(tick(&h));
    // It waits when first looked at, and still at the next look.
    for (int i = 0; i < TURNS && !is_silent(&h, "test"); i++) {
        short_nap();
        if (is_silent(&h, NULL))
            (void)tick(&h);
    }
    expect_no_round(&h, "test");
    int accepted = accept(h.listening_fd, NULL, NULL);
    expect_silent(&h, "test");
    assert_false(tick(&h)); // asks it again
    expect_round(&h);
    (void)close(accepted);
    (void)close(fd);
    close_house(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_answer), cmocka_unit_test(test_loop),   cmocka_unit_test(test_worker),
        cmocka_unit_test(test_bulk),       cmocka_unit_test(test_reader), cmocka_unit_test(test_writer),
        cmocka_unit_test(test_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
