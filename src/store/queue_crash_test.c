// SPDX-License-Identifier: MIT
// A process that is killed at any instant while it accepts letters and sends them. What was accepted is sent or still
// waits; what was recorded as sent does not wait any more; a bounce is there exactly when its letter is gone. Only what
// a peer had taken, and whose settling was not acknowledged yet, may be sent twice, and there is one such at a time.
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
#include "store/queue_support.h"

enum { ROUNDS = 14, SMALL = 700, LARGE = 90000, IDS_MAX = 1 << 16, DESTINATIONS = 5 };

// What the child tells before and after each step.
enum event_kind {
    ACCEPTED = 1, // the delivery was acknowledged: this due row waits
    TAKEN,        // the peer has it; what follows is one of:
    SETTLED,
    BOUNCED,
    DEFERRED,
};
struct event {
    uint32_t kind, id;
};

// ---- the child ----

static void tell(int fd, enum event_kind kind, uint64_t id) {
    struct event e = {kind, (uint32_t)id};
    if (write(fd, &e, sizeof(e)) != sizeof(e))
        _exit(1);
}

static void destination_name(unsigned i, char ret[32]) {
    (void)snprintf(ret, 32, "d%u.net", i % DESTINATIONS);
}

static void accept_one(struct fixture *f, const char *data, unsigned i, int fd) {
    uint8_t dedup[32];
    random_bytes(dedup, sizeof(dedup));
    struct store_deliver *d = store_deliver_new(make_body(f, data, i % 3 == 0 ? LARGE : SMALL), dedup);
    d->sender_id = 1;
    store_deliver_add(d, SLICE("a@example.org"));
    for (unsigned j = 0; j < 2; j++) {
        char name[32], recipient[64];
        destination_name(i + j, name);
        for (unsigned k = 0; k < 2; k++) {
            (void)snprintf(recipient, sizeof(recipient), "b%u@%s", k, name);
            store_deliver_add_remote(d, slice_from_cstr(name), slice_from_cstr(recipient));
        }
    }
    store_deliver_set_letter(d, SLICE("X: y\r\n"), SLICE("a@example.org"), 0);
    if (run_op(f, &d->op) != STORE_OK || d->deliveries[0].ret_outcome != STORE_DELIVERED)
        _exit(2);
    tell(fd, ACCEPTED, d->remotes[0].ret_due_id);
    tell(fd, ACCEPTED, d->remotes[2].ret_due_id);
    store_op_free(&d->op);
}

static void settle_one(struct fixture *f, const struct store_due *due, unsigned i, int fd) {
    struct store_queue_settle *s = store_queue_settle_new();
    size_t at = store_queue_settle_add(s, due->id);
    enum event_kind kind = i % 4 == 0 ? DEFERRED : i % 7 == 0 ? BOUNCED : SETTLED;
    s->alive = i % 2 == 0;
    if (kind == DEFERRED) {
        store_queue_settle_keep(s, at, slice_from_cstr(due->recipients[0]), 5, SLICE("450 later"));
    } else if (kind == BOUNCED) {
        uint8_t dedup[32];
        random_bytes(dedup, sizeof(dedup));
        struct store_deliver *bounce = store_deliver_new(make_body(f, "it failed", 9), dedup);
        store_deliver_add_account(bounce, due->sender_id);
        store_queue_settle_bounce(s, at, bounce);
    }
    tell(fd, TAKEN, due->id);
    if (run_and_free(f, &s->op) != STORE_OK)
        _exit(3);
    tell(fd, kind, due->id);
}

static void work(struct fixture *f, unsigned i, int fd) {
    char name[32];
    destination_name(i, name);
    if (i % 5 == 0)
        (void)defer(f, name, 1, 2, "refused");
    struct store_queue_load *l = store_queue_load_new(slice_from_cstr(name), INT64_MAX, 2);
    if (run_op(f, &l->op) != STORE_OK)
        _exit(4);
    for (size_t j = 0; j < l->ret_n; j++)
        settle_one(f, &l->ret_dues[j], i * 2 + (unsigned)j, fd);
    store_op_free(&l->op);
}

static _Noreturn void child(struct fixture *f, unsigned seed, int fd) {
    f->loop = loop_new();
    fixture_open(f);
    store_set_mailbox_quota(f->store, UINT32_MAX);
    char *data = make_message(LARGE, 1);
    for (unsigned i = seed;; i++) {
        accept_one(f, data, i, fd);
        work(f, i, fd);
    }
}

// ---- the parent ----

struct ledger {
    uint8_t accepted[IDS_MAX], settled[IDS_MAX], waits[IDS_MAX];
    unsigned n_accepted, n_bounced;
    uint32_t in_doubt; // the last one that was taken without an outcome
    struct event last;
};

static void note(struct ledger *l, struct event e) {
    assert_true(e.id > 0 && e.id < IDS_MAX);
    l->last = e;
    if (e.kind == ACCEPTED) {
        l->accepted[e.id] = 1;
        l->n_accepted++;
    }
    l->settled[e.id] = l->settled[e.id] || e.kind == SETTLED || e.kind == BOUNCED;
    l->n_bounced += e.kind == BOUNCED;
    l->in_doubt = e.kind == TAKEN ? e.id : 0;
}

static void run_child(struct fixture *f, struct ledger *l, unsigned round) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        child(f, round * 3, fds[1]);
    }
    (void)close(fds[1]);
    wait_for_octets(fds[0], round % 4 * sizeof(struct event));
    long ms = 40 + (long)round * 19;
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how));
    struct event e;
    for (ssize_t got; (got = read(fds[0], &e, sizeof(e))) > 0;) {
        assert_int_equal(got, sizeof(e));
        note(l, e);
    }
    (void)close(fds[0]);
}

static void read_waiting(struct fixture *f, struct ledger *l) {
    memset(l->waits, 0, sizeof(l->waits));
    for (unsigned i = 0; i < DESTINATIONS; i++) {
        char name[32];
        destination_name(i, name);
        struct store_queue_load *load = store_queue_load_new(slice_from_cstr(name), INT64_MAX, STORE_QUEUE_PAGE_MAX);
        assert_int_equal(run_op(f, &load->op), STORE_OK);
        assert_false(load->ret_more);
        for (size_t j = 0; j < load->ret_n; j++) {
            assert_true(load->ret_dues[j].id < IDS_MAX);
            l->waits[load->ret_dues[j].id] = 1;
        }
        store_op_free(&load->op);
    }
}

// Rows of a delivery whose acknowledgement did not come through: two, one when it was cut off in telling, or none.
static unsigned check(struct ledger *l, unsigned round) {
    unsigned n_unknown = 0;
    for (uint32_t id = 1; id < IDS_MAX; id++) {
        bool must_wait = l->accepted[id] && !l->settled[id];
        if (l->waits[id] && l->settled[id])
            fail_msg("round %u: %u is settled, but waits", round, id);
        if (must_wait && !l->waits[id] && id != l->in_doubt)
            fail_msg("round %u: %u is lost", round, id);
        if (must_wait && !l->waits[id]) // settled, though nobody was told
            l->settled[id] = 1;
        if (l->waits[id] && !l->accepted[id]) {
            n_unknown++;
            l->accepted[id] = 1;
        }
    }
    return n_unknown;
}

static void test_killed(void **state) {
    static struct ledger l;
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    unsigned n_in_doubt = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned before = l.n_bounced;
        fixture_close(&f);
        loop_free(f.loop);
        f.loop = NULL;
        run_child(&f, &l, round);
        f.loop = loop_new();
        fixture_open(&f);
        read_waiting(&f, &l);
        unsigned n_unknown = check(&l, round);
        assert_true(n_unknown <= 2);
        n_in_doubt += l.in_doubt != 0;
        // Bounces are there if and only if their letters are gone.
        int64_t bounces = fixture_number(&f, "SELECT count(*) FROM entry WHERE size = 9");
        if (bounces != l.n_bounced && !(l.in_doubt != 0 && !l.waits[l.in_doubt] && bounces == l.n_bounced + 1))
            fail_msg("round %u: %u bounces acknowledged after %u, %d are there", round, l.n_bounced, before,
                     (int)bounces);
        l.n_bounced = (unsigned)bounces;
        l.in_doubt = 0;
        fixture_close(&f);
        int n;
        assert_string_equal(fixture_verify(&f, &n), "");
        fixture_open(&f);
    }
    print_message("# %u accepted, %u bounced, killed %u times in the window of a settling\n", l.n_accepted, l.n_bounced,
                  n_in_doubt);
    assert_true(l.n_accepted > ROUNDS);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};
    return cmocka_run_group_tests_name("store/queue_crash", tests, NULL, NULL);
}
