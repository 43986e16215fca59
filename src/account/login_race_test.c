// SPDX-License-Identifier: MIT
// Logins at the same time, on several loops, and logins whose session dies; against a real store. The sanitizers watch.
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "account/invite.h"
#include "account/test_world.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/account_ops.h"

enum { PATIENCE_MS = 60 * 1000 };

static struct test_world world;

static int setup(void **state) {
    test_world_start(&world, NULL);
    return 0;
}

static int teardown(void **state) {
    test_world_stop(&world);
    return 0;
}

// ---- racing ----

enum { LOOPS = 4, LOGINS = 50, NAMES = 5 };

struct racer {
    struct race_loop *on;
    char user[32], password[80];
    enum account_protocol protocol;
    struct test_outcome outcome;
};

struct race_loop {
    struct loop *loop;
    pthread_t thread;
    struct racer racers[LOGINS];
    size_t n_racers, n_answered;
};

static pthread_barrier_t start_line;

static void on_racer_done(void *arg, const struct account_login_result *r) {
    struct racer *racer = arg;
    racer->outcome = test_outcome_of(r);
    if (++racer->on->n_answered == racer->on->n_racers)
        loop_stop(racer->on->loop);
}

static void *run_race_loop(void *arg) {
    struct race_loop *on = arg;
    struct net_address peer = test_peer(1);
    (void)pthread_barrier_wait(&start_line);
    for (size_t i = 0; i < on->n_racers; i++) {
        struct racer *r = &on->racers[i];
        (void)account_login_start(world.accounts, on->loop, r->protocol, slice_from_cstr(r->user),
                                  slice_from_cstr(r->password), &peer, on_racer_done, r);
    }
    loop_run(on->loop);
    return NULL;
}

static struct race_loop race_loops[LOOPS];

static void race_prepare(void) {
    memset(race_loops, 0, sizeof(race_loops));
    for (size_t i = 0; i < LOOPS; i++)
        race_loops[i].loop = loop_new();
}

static void race_add(size_t i, const char *user, const char *password) {
    struct race_loop *on = &race_loops[i % LOOPS];
    struct racer *r = &on->racers[on->n_racers++];
    r->on = on;
    r->protocol = i % 2 == 0 ? ACCOUNT_IMAP : ACCOUNT_SUBMISSION;
    (void)snprintf(r->user, sizeof(r->user), "%s", user);
    (void)snprintf(r->password, sizeof(r->password), "%s", password);
}

static void race_run(void) {
    assert_int_equal(pthread_barrier_init(&start_line, NULL, LOOPS), 0);
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&race_loops[i].thread, NULL, run_race_loop, &race_loops[i]), 0);
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_join(race_loops[i].thread, NULL), 0);
    (void)pthread_barrier_destroy(&start_line);
    worker_pool_free(world.pool);
    world.pool = world.accounts->crypt = worker_pool_new("crypt", 2);
    store_close(world.store); // runs what is left for these loops
    for (size_t i = 0; i < LOOPS; i++)
        loop_free(race_loops[i].loop);
    const char *error;
    struct store_settings settings = {.dir = world.dir, .mailbox_quota = 1 << 20, .n_readers = 2};
    world.store = world.accounts->store = store_open(&settings, &error);
    assert_non_null(world.store);
}

struct tally {
    int ok, denied, unavailable, created;
    uint64_t account_id; // of those that are OK
};

static struct tally tally_of(const char *user) {
    struct tally t = {0};
    for (size_t i = 0; i < LOOPS; i++) {
        for (size_t j = 0; j < race_loops[i].n_racers; j++) {
            const struct racer *r = &race_loops[i].racers[j];
            if (strcmp(r->user, user) != 0)
                continue;
            t.ok += r->outcome.verdict == ACCOUNT_OK;
            t.denied += r->outcome.verdict == ACCOUNT_DENIED;
            t.unavailable += r->outcome.verdict == ACCOUNT_UNAVAILABLE;
            t.created += r->outcome.created;
            if (r->outcome.verdict != ACCOUNT_OK)
                continue;
            if (t.account_id != 0)
                assert_int_equal(r->outcome.account_id, t.account_id);
            t.account_id = r->outcome.account_id;
        }
    }
    return t;
}

static void name_of(size_t n, char ret[32]) {
    (void)snprintf(ret, 32, "racer%04zu@a.org", n);
}

static void fifty_logins_on_five_accounts(void **state) {
    race_prepare();
    char name[32];
    for (size_t i = 0; i < LOGINS; i++) {
        name_of(i % NAMES, name);
        race_add(i, name, "secret-password");
    }
    race_run();
    for (size_t n = 0; n < NAMES; n++) {
        name_of(n, name);
        struct tally t = tally_of(name);
        assert_int_equal(t.ok, LOGINS / NAMES);
        assert_int_equal(t.created, 1);
    }
}

static void the_first_writer_wins(void **state) {
    race_prepare();
    char name[32], password[32];
    for (size_t i = 0; i < LOGINS; i++) {
        name_of(i % NAMES, name);
        (void)snprintf(password, sizeof(password), "password-%zu", i);
        race_add(i, name, password);
    }
    race_run();
    for (size_t n = 0; n < NAMES; n++) {
        name_of(n, name);
        struct tally t = tally_of(name);
        assert_int_equal(t.ok, 1);
        assert_int_equal(t.created, 1);
        assert_int_equal(t.denied, LOGINS / NAMES - 1);
    }
    // The winners' passwords stand, and no other does.
    for (size_t i = 0; i < LOOPS; i++) {
        for (size_t j = 0; j < race_loops[i].n_racers; j++) {
            const struct racer *r = &race_loops[i].racers[j];
            assert_int_equal(test_login(&world, ACCOUNT_IMAP, r->user, r->password).verdict, r->outcome.verdict);
        }
    }
}

static void both_protocols_at_once_count_as_one(void **state) {
    test_world_configure(&world, (const char *const[]){"max_new_accounts_per_hour=1", NULL});
    race_prepare();
    for (size_t i = 0; i < 8; i++)
        race_add(i, "racer0000@a.org", "secret-password");
    race_run();
    struct tally t = tally_of("racer0000@a.org");
    assert_int_equal(t.ok, 8);
    assert_int_equal(t.created, 1);
    assert_int_equal(test_login(&world, ACCOUNT_IMAP, "racer0001@a.org", "secret-password").verdict, ACCOUNT_DENIED);
}

// ---- sessions that die ----

static int n_answers;
static struct test_outcome last_outcome;

static void on_answer(void *arg, const struct account_login_result *r) {
    n_answers++;
    last_outcome = test_outcome_of(r);
}

static struct account_login *start(const char *user, const char *password) {
    struct net_address peer = test_peer(1);
    return account_login_start(world.accounts, world.loop, ACCOUNT_IMAP, slice_from_cstr(user),
                               slice_from_cstr(password), &peer, on_answer, NULL);
}

static bool no_login_is_left(void) {
    return atomic_load(&world.accounts->n_underway) == 0;
}
static uint64_t wanted_jobs;
static bool a_job_was_given(void) {
    return test_hash_jobs(&world) >= wanted_jobs;
}

// The limit only ends a hanging test: a slow machine needs long for a few hundred hashes.
static void run_until(bool (*condition)(void)) {
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; !condition() && clock_mono_ms() < end;) {
        loop_run_ready(world.loop);
        (void)usleep(200);
    }
    assert_true(condition());
}

// Keeps both workers busy until opened.
static sem_t gate;
static struct worker_job gate_jobs[2];

static void wait_at_gate(struct worker_job *job) {
    while (sem_wait(&gate) != 0) {
    }
}
static void no_work(struct worker_job *job) {}
static void no_end(struct worker_job *job) {}

static void gate_close(void) {
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(gate_jobs); i++) {
        gate_jobs[i] = (struct worker_job){.work = wait_at_gate, .done = no_end};
        worker_pool_submit(world.pool, world.loop, &gate_jobs[i]);
    }
}

static void gate_open(void) {
    for (size_t i = 0; i < ARRAY_LEN(gate_jobs); i++)
        assert_int_equal(sem_post(&gate), 0);
}

static void cancelled_before_the_turn(void **state) {
    account_login_cancel(start("not-a-name", "secret-password"));
    run_until(no_login_is_left);
    assert_int_equal(n_answers, 0);
}

static void cancelled_while_looking_up(void **state) {
    account_login_cancel(start("bob123456@a.org", "secret-password"));
    assert_true(no_login_is_left());
    for (int i = 0; i < 50; i++) {
        loop_run_ready(world.loop);
        (void)usleep(500);
    }
    assert_int_equal(n_answers, 0);
    assert_int_equal(test_hash_jobs(&world), 0);
}

// The job is given, and the worker comes to it when the session is long gone.
static void cancel_with_a_job_waiting(void) {
    gate_close();
    struct account_login *l = start("bob123456@a.org", "secret-password");
    wanted_jobs = test_hash_jobs(&world) + 1;
    run_until(a_job_was_given);
    account_login_cancel(l);
    assert_false(no_login_is_left());
    gate_open();
    run_until(no_login_is_left);
    assert_int_equal(n_answers, 0);
}

static void cancelled_while_hashing(void **state) {
    cancel_with_a_job_waiting();
    assert_string_equal(test_read_record(&world, "bob123456@a.org").hash, ""); // nobody was told, nothing was made
}

static void cancelled_while_verifying(void **state) {
    assert_true(test_login(&world, ACCOUNT_IMAP, "bob123456@a.org", "secret-password").created);
    test_world_restart(&world);
    cancel_with_a_job_waiting();
}

static struct account_login *creating;

static void cancel_creation(struct worker_job *job) {
    assert_int_equal(n_answers, 0);
    account_login_cancel(creating);
    assert_true(no_login_is_left()); // it did not hash any more
}

static void open_gate(struct worker_job *job) {
    assert_int_equal(sem_post(&gate), 0);
}

// The write cannot be called off, so the account is there afterwards. One worker does all jobs in their order, so the
// loop finds the ends of the login's job and of the one that follows together: it cancels a login that has just asked
// the store, whose answer can only come in a later turn.
static void cancelled_while_creating(void **state) {
    struct worker_job next = {.work = no_work, .done = cancel_creation}, last = {.work = open_gate, .done = no_end};
    gate_close();
    creating = start("bob123456@a.org", "secret-password");
    wanted_jobs = test_hash_jobs(&world) + 1;
    run_until(a_job_was_given);
    worker_pool_submit(world.pool, world.loop, &next);
    worker_pool_submit(world.pool, world.loop, &last);
    assert_int_equal(sem_post(&gate), 0); // for one of the two; `last` is for the other
    worker_pool_free(world.pool);
    world.pool = world.accounts->crypt = worker_pool_new("crypt", 2);
    run_until(no_login_is_left);
    test_world_restart(&world);
    assert_int_equal(n_answers, 0);
    assert_int_equal(strncmp(test_read_record(&world, "bob123456@a.org").hash, "$y$", 3), 0);
}

static struct account_login *to_cancel;

static void on_answer_cancel(void *arg, const struct account_login_result *r) {
    on_answer(arg, r);
    account_login_cancel(to_cancel);
    assert_string_equal(r->address, "bob123456@a.org");
}

static void cancelled_within_its_own_answer(void **state) {
    struct net_address peer = test_peer(1);
    to_cancel = account_login_start(world.accounts, world.loop, ACCOUNT_IMAP, SLICE("bob123456@a.org"),
                                    SLICE("secret-password"), &peer, on_answer_cancel, NULL);
    run_until(no_login_is_left);
    assert_int_equal(n_answers, 1);
}

static void on_forbidden(void *arg, const struct account_login_result *r) {
    fail_msg("a cancelled login answered");
}

struct pending {
    struct account_login *login;
    bool will_be_cancelled;
    bool is_answered;
};

static void on_pending_done(void *arg, const struct account_login_result *r) {
    struct pending *p = arg;
    if (p->will_be_cancelled)
        on_forbidden(arg, r);
    p->is_answered = true;
}

static void many_die_at_random(void **state) {
    enum { N = 300 };
    static struct pending pending[N];
    memset(pending, 0, sizeof(pending));
    struct net_address peer = test_peer(1);
    for (size_t i = 0; i < N; i++) {
        uint64_t r = random_u64();
        char name[32];
        name_of((r >> 8) % 40, name);
        struct slice password = (r & 1) != 0 ? SLICE("secret-password") : SLICE("other-password");
        pending[i].login = account_login_start(world.accounts, world.loop, ACCOUNT_IMAP, slice_from_cstr(name),
                                               password, &peer, on_pending_done, &pending[i]);
        for (uint64_t turns = (r >> 16) % 4; turns > 0; turns--) {
            (void)usleep((useconds_t)((r >> 24) % 800));
            loop_run_ready(world.loop);
        }
        struct pending *victim = &pending[(r >> 40) % (i + 1)];
        if ((r & 2) != 0 && !victim->is_answered && !victim->will_be_cancelled) {
            victim->will_be_cancelled = true;
            account_login_cancel(victim->login);
        }
    }
    run_until(no_login_is_left);
    for (size_t i = 0; i < N; i++)
        assert_true(pending[i].is_answered != pending[i].will_be_cancelled);
}

// ---- too much to do ----

enum { N_BACKLOG = 2100 };
static size_t n_backlog_done;

static void count_end(struct worker_job *job) {
    n_backlog_done++;
}

static bool the_backlog_is_done(void) {
    return n_backlog_done == N_BACKLOG;
}

static void a_long_backlog_is_trouble_of_ours(void **state) {
    static struct worker_job jobs[N_BACKLOG];
    gate_close();
    n_backlog_done = 0;
    for (size_t i = 0; i < N_BACKLOG; i++) {
        jobs[i] = (struct worker_job){.work = no_work, .done = count_end};
        worker_pool_submit(world.pool, world.loop, &jobs[i]);
    }
    (void)start("bob123456@a.org", "secret-password");
    run_until(no_login_is_left);
    assert_int_equal(n_answers, 1);
    assert_int_equal(last_outcome.verdict, ACCOUNT_UNAVAILABLE);
    assert_int_equal(test_hash_jobs(&world), 0);
    gate_open();
    run_until(the_backlog_is_done);
    assert_int_equal(test_login(&world, ACCOUNT_IMAP, "bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
}

static int setup_alone(void **state) {
    n_answers = 0;
    return setup(state);
}

static void an_invitation_for_three_makes_three(void **state) {
    static const char *const settings[] = {"registration=invite", NULL};
    uint8_t secret[STORE_SECRET_LEN] = {7}, invitation[ACCOUNT_INVITATION_LEN] = {9};
    char users[10][32];
    int n_created = 0;
    test_world_configure(&world, settings);
    test_sql(&world, "INSERT INTO invitation VALUES(x'09000000000000000000000000000000', 3, 999999)");
    account_service_keep_secret(world.accounts, secret);
    race_prepare();
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        char password[INVITE_PASSWORD_SIZE];
        (void)snprintf(users[i], sizeof(users[i]), "invited%02zu@a.org", i);
        account_invite_password(secret, invitation, slice_sub(slice_from_cstr(users[i]), 0, 9), clock_wall_s(),
                                password);
        race_add(i, users[i], password);
        race_add(i + 1, users[i], password); // as a client does that logs in to IMAP and SMTP at once
    }
    race_run();
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct tally t = tally_of(users[i]);
        assert_int_equal(t.unavailable, 0);
        assert_int_equal(t.ok, 2 * t.created);
        assert_int_equal(t.denied, 2 - t.ok);
        n_created += t.created;
    }
    assert_int_equal(n_created, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fifty_logins_on_five_accounts, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_writer_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(both_protocols_at_once_count_as_one, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_before_the_turn, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_looking_up, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_hashing, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_verifying, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_creating, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(cancelled_within_its_own_answer, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(many_die_at_random, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_long_backlog_is_trouble_of_ours, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(an_invitation_for_three_makes_three, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
