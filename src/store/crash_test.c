// SPDX-License-Identifier: MIT
// A process that is killed at any instant: what was acknowledged is there, once; what was not is there whole or not at
// all.
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

#include "base/mem.h"
#include "store/test_support.h"

enum { ROUNDS = 12, SMALL = 700, LARGE = 90000 };

// Delivers for ever, alternately small and large and with an expunge now and then, and writes an octet to `fd` for each
// delivery that was acknowledged.
static _Noreturn void child(struct fixture *f, int fd) {
    f->loop = loop_new();
    fixture_open(f);
    store_set_mailbox_quota(f->store, UINT32_MAX);
    char *data = make_message(LARGE, 1);
    uint32_t uid;
    for (unsigned i = 0;; i++) {
        if (deliver(f, "a@example.org", data, i % 3 == 0 ? LARGE : SMALL, &uid) != STORE_DELIVERED ||
            write(fd, "x", 1) != 1)
            _exit(1);
        if (i % 4 != 3)
            continue;
        struct store_uid_range last = {uid - 1, uid - 1};
        struct store_flags *flags = store_flags_new(1, &last, 1);
        flags->flags = STORE_FLAG_DELETED;
        (void)run_and_free(f, &flags->op);
        (void)run_and_free(f, &store_expunge_new(1, NULL, 0)->op);
    }
}

// Acknowledged deliveries until the child was killed, `ms` milliseconds after `least` of them.
static unsigned run_child(struct fixture *f, size_t least, long ms) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        child(f, fds[1]);
    }
    (void)close(fds[1]);
    wait_for_octets(fds[0], least);
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    char octets[4096];
    unsigned n = 0;
    for (ssize_t got; (got = read(fds[0], octets, sizeof(octets))) > 0;)
        n += (unsigned)got;
    (void)close(fds[0]);
    return n;
}

static void test_killed(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    uint32_t before = 1;
    for (long round = 0; round < ROUNDS; round++) {
        fixture_close(&f);
        loop_free(f.loop);
        f.loop = NULL;
        unsigned acknowledged = run_child(&f, (size_t)round % 4, 30 + round * 17);
        f.loop = loop_new();
        fixture_open(&f); // sweeps what was left
        struct store_mailbox_open *o = store_mailbox_open_new(a, SLICE("INBOX"), true);
        assert_int_equal(run_op(&f, &o->op), STORE_OK);
        uint32_t delivered = o->ret_uid_next - before;
        if (delivered != acknowledged && delivered != acknowledged + 1)
            fail_msg("round %ld: %u deliveries acknowledged, %u are there", round, acknowledged, delivered);
        before = o->ret_uid_next;
        store_op_free(&o->op);
        fixture_close(&f);
        int n;
        assert_string_equal(fixture_verify(&f, &n), "");
        fixture_open(&f);
    }
    assert_true(before > ROUNDS);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};
    return cmocka_run_group_tests_name("store/crash", tests, NULL, NULL);
}
