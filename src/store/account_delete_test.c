// SPDX-License-Identifier: MIT
// The contract of every backend: what is left of a deleted account, at once, afterwards, and when the process was
// killed between the two.
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
#include "store/store_internal.h"
#include "store/test_support.h"

enum { LARGE = 100000, MANY = 5000 }; // MANY: many pieces

// a has messages in INBOX and Box, one of them in a file, and one that it shares with b.
static uint64_t fill(struct fixture *f) {
    fixture_init(f);
    uint64_t a = make_account(f, "a@example.org", NULL);
    make_account(f, "b@example.org", NULL);
    assert_int_equal(edit(f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    uint8_t dedup[32] = {1};
    struct store_deliver *d = store_deliver_new(make_body(f, "shared", 6), dedup);
    store_deliver_add(d, SLICE("a@example.org"));
    store_deliver_add(d, SLICE("b@example.org"));
    assert_int_equal(run_and_free(f, &d->op), STORE_OK);
    char *large = make_message(LARGE, 1);
    assert_int_equal(deliver(f, "a@example.org", large, LARGE, NULL), STORE_DELIVERED);
    free(large);
    append(f, a, "Box", "kept", 0, "");
    assert_int_equal(run_and_free(f, &store_token_add_new(a, SLICE("token"))->op), STORE_OK);
    (void)fixture_changes(f);
    return a;
}

static enum store_status delete_account(struct fixture *f, uint64_t account) {
    return run_and_free(f, &store_account_delete_new(account)->op);
}

static void test_nothing_is_left(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    uint64_t inbox = mailbox_id(&f, a, "INBOX"), box = mailbox_id(&f, a, "Box");
    assert_int_equal(fixture_files(&f, NULL), 1);
    assert_int_equal(delete_account(&f, a), STORE_OK);
    char want[128];
    (void)snprintf(want, sizeof(want), "deleted %llu: origin=0;deleted %llu: origin=0;", (unsigned long long)box,
                   (unsigned long long)inbox);
    assert_string_equal(fixture_changes(&f), want);
    fixture_wait_deleted(&f);
    static const struct {
        const char *sql;
        int64_t want;
    } counts[] = {
        {"SELECT count(*) FROM account", 1}, {"SELECT count(*) FROM mailbox", 1},  {"SELECT count(*) FROM token", 0},
        {"SELECT count(*) FROM entry", 1},   {"SELECT count(*) FROM body", 1},     {"SELECT refs FROM body", 1},
        {"SELECT count(*) FROM doomed", 0},  {"SELECT count(*) FROM accepted", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t got = fixture_number(&f, counts[i].sql);
        if (got != counts[i].want)
            fail_msg("%s: got %lld, want %lld", counts[i].sql, (long long)got, (long long)counts[i].want);
    }
    assert_string_equal(describe(&f, 2, "INBOX"), "2/1/1/0/6");
    assert_int_equal(delete_account(&f, a), STORE_NOT_FOUND);
    assert_int_equal(delete_account(&f, 99), STORE_NOT_FOUND);
    fixture_close(&f); // waits until files are removed
    assert_int_equal(fixture_files(&f, NULL), 0);
    fixture_open(&f);
    fixture_done(&f);
}

// What a session that lives on may try.
static void test_nothing_comes_back(void **state) {
    struct fixture f;
    uint64_t a = fill(&f), inbox = mailbox_id(&f, a, "INBOX");
    assert_int_equal(delete_account(&f, a), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_account_find_new(SLICE("a@example.org"))->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_account_touch_new(a, 1)->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_account_block_new(a, true)->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_token_add_new(a, SLICE("t"))->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_quota_new(a)->op), STORE_NOT_FOUND);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "New", ""), STORE_NOT_FOUND);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "INBOX", "New"), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_append_new(make_body(&f, "x", 1), a, SLICE("INBOX"))->op),
                     STORE_NOT_FOUND);
    struct store_uid_range all = {1, UINT32_MAX};
    assert_int_equal(run_and_free(&f, &store_flags_new(inbox, &all, 1)->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_expunge_new(inbox, NULL, 0)->op), STORE_NOT_FOUND);
    assert_int_equal(run_and_free(&f, &store_copy_new(a, inbox, &all, 1, SLICE("INBOX"), false)->op), STORE_NOT_FOUND);
    assert_int_equal(deliver(&f, "a@example.org", "late", 4, NULL), STORE_UNKNOWN);
    // Who comes under the same address is somebody else.
    uint64_t new_inbox, again = make_account(&f, "a@example.org", &new_inbox);
    assert_true(again > a && new_inbox != inbox);
    assert_string_equal(describe(&f, again, "INBOX"), "1/0/0/0/0");
    fixture_done(&f);
}

static void fill_many(struct fixture *f, uint64_t account) {
    uint32_t uid = append(f, account, "INBOX", "one of many", 0, "");
    uint64_t inbox = mailbox_id(f, account, "INBOX");
    struct store_uid_range range = {uid, uid};
    for (unsigned n = 1; n < MANY; n *= 2) {
        assert_int_equal(run_and_free(f, &store_copy_new(account, inbox, &range, 1, SLICE("INBOX"), false)->op),
                         STORE_OK);
        range.last = uid + 2 * n - 1;
    }
}

// The rows go first, in a commit of their own, and that is all that the operator waits for; then others have their turn
// between the pieces.
static void test_pieces(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    fill_many(&f, a);
    int64_t entries = fixture_number(&f, "SELECT count(*) FROM entry");
    uint64_t before = store_test_commits(f.store);
    struct store_account_delete *d = store_account_delete_new(a);
    assert_int_equal(run_op(&f, &d->op), STORE_OK);
    assert_int_equal(d->ret_messages, entries - 1);
    store_op_free(&d->op);
    assert_int_equal(deliver(&f, "b@example.org", "meanwhile", 9, NULL), STORE_DELIVERED);
    if (fixture_number(&f, "SELECT count(*) FROM doomed") == 0)
        fail_msg("the mail came after %lld messages were deleted", (long long)entries);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 2);
    uint64_t commits = store_test_commits(f.store) - before;
    if (commits < 4)
        fail_msg("%llu commits", (unsigned long long)commits);
    fixture_done(&f);
}

// The relay can be stopped within a deletion, and does not wait for its end.
static void test_closed_between(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    fill_many(&f, a);
    assert_int_equal(delete_account(&f, a), STORE_OK);
    fixture_close(&f);
    int n;
    assert_string_equal(fixture_verify(&f, &n), "");
    if (fixture_number(&f, "SELECT count(*) FROM doomed") == 0)
        fail_msg("closing waited for the end of the deletion");
    fixture_open(&f);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 1);
    fixture_done(&f);
}

// A failure among the messages does not bring the account back, and the next start goes on, after it is open.
static void test_failure_between(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    fixture_close(&f);
    // As the operation leaves it.
    fixture_sql(&f, "DELETE FROM account WHERE id = 1; DELETE FROM token WHERE account_id = 1;"
                    "INSERT INTO doomed SELECT id FROM mailbox WHERE account_id = 1;"
                    "DELETE FROM mailbox WHERE account_id = 1");
    int n;
    assert_string_equal(fixture_verify(&f, &n), "");
    fixture_open(&f);
    assert_int_equal(delete_account(&f, a), STORE_NOT_FOUND);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 1);
    fixture_close(&f); // waits until files are removed
    assert_int_equal(fixture_files(&f, NULL), 0);
    fixture_open(&f);
    fixture_done(&f);
}

// The writer goes on with a deletion while the store is still being opened, and has files to hand to others.
static void test_going_on_at_once(void **state) {
    enum { ROUNDS = 12, READERS_MANY = 16 };
    for (int round = 0; round < ROUNDS; round++) {
        struct fixture f;
        (void)fill(&f);
        fixture_close(&f);
        fixture_sql(&f, "INSERT INTO doomed SELECT id FROM mailbox WHERE account_id = 1;"
                        "DELETE FROM account WHERE id = 1; DELETE FROM token WHERE account_id = 1;"
                        "DELETE FROM mailbox WHERE account_id = 1");
        // The more threads there are to be started, the longer it takes.
        struct store_settings settings = {.dir = f.dir, .mailbox_quota = 10 << 20, .n_readers = READERS_MANY};
        const char *error = NULL;
        f.store = store_open(&settings, &error);
        assert_non_null(f.store);
        fixture_wait_deleted(&f);
        fixture_close(&f);
        assert_int_equal(fixture_files(&f, NULL), 0);
        fixture_open(&f);
        fixture_done(&f);
    }
}

// What cannot be erased now (a full disk) does not keep others from anything, and is tried again a minute later.
static void test_tried_again(void **state) {
    struct fixture f;
    uint64_t a = fill(&f);
    fixture_close(&f);
    fixture_sql(&f, "CREATE TRIGGER hold BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'held'); END");
    clock_set_fake(1000 * 1000000, 1800000000);
    fixture_open(&f);
    int64_t entries = fixture_number(&f, "SELECT count(*) FROM entry");
    assert_int_equal(delete_account(&f, a), STORE_OK);
    // The second one comes when the first piece has failed.
    assert_int_equal(deliver(&f, "b@example.org", "one", 3, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "b@example.org", "two", 3, NULL), STORE_DELIVERED);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), entries + 2);
    fixture_sql(&f, "DROP TRIGGER hold");
    assert_int_equal(deliver(&f, "b@example.org", "too soon", 8, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "b@example.org", "still too soon", 14, NULL), STORE_DELIVERED);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), entries + 4);
    clock_set_fake(1061 * 1000000, 1800000061);
    assert_int_equal(deliver(&f, "b@example.org", "now", 3, NULL), STORE_DELIVERED);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 6);
    clock_use_real();
    fixture_done(&f);
}

static _Noreturn void child(struct fixture *f, uint64_t account) {
    f->loop = loop_new();
    fixture_open(f);
    (void)delete_account(f, account);
    for (;;)
        (void)pause();
}

// Killed at any instant: the account is there whole, or nobody finds it and its messages are on their way.
static void test_killed(void **state) {
    int n, n_whole = 0, n_gone = 0;
    for (long round = 0; round < 12; round++) {
        struct fixture f;
        uint64_t a = fill(&f);
        fill_many(&f, a);
        int64_t entries = fixture_number(&f, "SELECT count(*) FROM entry");
        fixture_close(&f);
        loop_free(f.loop);
        f.loop = NULL;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(&f, a);
        (void)nanosleep(&(struct timespec){.tv_nsec = (5 + round * 12) * 1000000}, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        f.loop = loop_new();
        // Half a deletion is nothing that verify finds wrong; a body's file may have outlived its row, until the sweep.
        const char *problems = fixture_verify(&f, &n);
        if (n > 1 || (n == 1 && strstr(problems, ": no message refers to it\n") == NULL))
            fail_msg("round %ld: %s", round, problems);
        fixture_open(&f);
        bool is_there = run_and_free(&f, &store_account_find_new(SLICE("a@example.org"))->op) == STORE_OK;
        fixture_wait_deleted(&f);
        assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), is_there ? entries : 1);
        n_whole += is_there;
        n_gone += !is_there;
        fixture_done(&f);
    }
    print_message("# killed: %d accounts whole, %d gone\n", n_whole, n_gone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left), cmocka_unit_test(test_nothing_comes_back),
        cmocka_unit_test(test_pieces),          cmocka_unit_test(test_closed_between),
        cmocka_unit_test(test_failure_between), cmocka_unit_test(test_going_on_at_once),
        cmocka_unit_test(test_tried_again),     cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests_name("store/account_delete", tests, NULL, NULL);
}
