// SPDX-License-Identifier: MIT
// Logins one after the other, against a real store.
#include "account/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "account/test_world.h"
#include "base/clock.h"
#include "base/pressure.h"
#include "store/store_internal.h"

static struct test_world world;

static int setup(void **state) {
    test_world_start(&world, NULL);
    return 0;
}

static int teardown(void **state) {
    test_world_stop(&world);
    clock_use_real();
    return 0;
}

static struct test_outcome imap(const char *user, const char *password) {
    return test_login(&world, ACCOUNT_IMAP, user, password);
}
static struct test_outcome submission(const char *user, const char *password) {
    return test_login(&world, ACCOUNT_SUBMISSION, user, password);
}

static void the_first_login_creates(void **state) {
    struct test_outcome first = imap("Bob123456@A.org", "secret-password");
    assert_int_equal(first.verdict, ACCOUNT_OK);
    assert_true(first.created && !first.blocked);
    assert_true(first.account_id > 0 && first.inbox_id > 0);
    assert_string_equal(first.address, "bob123456@a.org");
    assert_int_equal(strncmp(test_read_record(&world, "bob123456@a.org").hash, "$y$j75$", 7), 0);

    struct test_outcome second = submission("bob123456@a.org", "secret-password");
    assert_int_equal(second.verdict, ACCOUNT_OK);
    assert_false(second.created);
    assert_int_equal(second.account_id, first.account_id);
    assert_int_equal(second.inbox_id, first.inbox_id);

    struct test_outcome other = submission("bob123457@a.org", "secret-password");
    assert_true(other.verdict == ACCOUNT_OK && other.created);
    assert_int_not_equal(other.account_id, first.account_id);
}

static void a_wrong_password_never_overwrites(void **state) {
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    struct test_record before = test_read_record(&world, "bob123456@a.org");
    static const char *const wrong[] = {"secret-passwor", "secret-password ", "Secret-password", "admin", "x", ""};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct test_outcome o = imap("bob123456@a.org", wrong[i]);
        assert_int_equal(o.verdict, ACCOUNT_DENIED);
        assert_false(o.created);
    }
    assert_string_equal(test_read_record(&world, "bob123456@a.org").hash, before.hash);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
}

static void what_is_refused(void **state) {
    static const struct {
        const char *user, *password;
    } cases[] = {
        {"bob123456@a.org", "admin"},
        {"bob123456@a.org", "12345678"},
        {"bob123456@a.org", ""},
        {"bob123456", "secret-password"},
        {"", "secret-password"},
        {"@a.org", "secret-password"},
        {"bob123456@b.org", "secret-password"},
        {"bob12345@a.org", "secret-password"},
        {"bob1234567@a.org", "secret-password"},
        {"bob+12345@a.org", "secret-password"},
        {"bob/12345@a.org", "secret-password"},
        {"bob123@45@a.org", "secret-password"},
        {"invalid@a.org.invalid", "secret-password"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_outcome o = submission(cases[i].user, cases[i].password);
        if (o.verdict != ACCOUNT_DENIED || o.created)
            fail_msg("\"%s\" \"%s\": got %d", cases[i].user, cases[i].password, (int)o.verdict);
        assert_string_equal(test_read_record(&world, cases[i].user).hash, "");
    }
}

static struct test_outcome binary_outcome;

static void on_binary(void *arg, const struct account_login_result *r) {
    binary_outcome = test_outcome_of(r);
    loop_stop(world.loop);
}

static void passwords_of_any_octets(void **state) {
    char password[600];
    memset(password, '\xff', sizeof(password));
    struct net_address peer = test_peer(1);
    struct slice user = SLICE("bob123456@a.org");
    static const struct {
        size_t len;
        enum account_verdict want;
    } cases[] = {
        {512, ACCOUNT_DENIED}, {600, ACCOUNT_DENIED}, {511, ACCOUNT_OK}, {511, ACCOUNT_OK}, {510, ACCOUNT_DENIED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)account_login_start(world.accounts, world.loop, ACCOUNT_IMAP, user, slice_make(password, cases[i].len),
                                  &peer, on_binary, NULL);
        loop_run(world.loop);
        assert_int_equal(binary_outcome.verdict, cases[i].want);
    }
    // With a NUL the rest would not be compared.
    (void)account_login_start(world.accounts, world.loop, ACCOUNT_IMAP, SLICE("bob123457@a.org"),
                              SLICE("secret-password\0more"), &peer, on_binary, NULL);
    loop_run(world.loop);
    assert_int_equal(binary_outcome.verdict, ACCOUNT_DENIED);
    assert_int_equal(imap("bob123457@a.org", "another-password").verdict, ACCOUNT_OK);
}

static void a_known_login_costs_no_hash(void **state) {
    assert_int_equal(test_hash_jobs(&world), 0);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), 1); // the creation
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(submission("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), 1);
    assert_int_equal(imap("bob123456@a.org", "wrong-password").verdict, ACCOUNT_DENIED);
    assert_int_equal(test_hash_jobs(&world), 2);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), 2);
    // A restart forgets.
    test_world_restart(&world);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), 1);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), 1);
}

static void a_refusal_costs_a_hash_too(void **state) {
    assert_int_equal(imap("bob12@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    assert_int_equal(test_hash_jobs(&world), 1);
}

static void a_changed_record_counts_at_once(void **state) {
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    // An imported hash of "correct horse", with its scheme.
    test_sql(&world,
             "UPDATE account SET password = '{SHA512-CRYPT}$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVj"
             "X8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.'");
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    assert_int_equal(imap("bob123456@a.org", "correct horse").verdict, ACCOUNT_OK);
    uint64_t jobs = test_hash_jobs(&world);
    assert_int_equal(imap("bob123456@a.org", "correct horse").verdict, ACCOUNT_OK);
    assert_int_equal(test_hash_jobs(&world), jobs);
    // A ban.
    test_sql(&world, "UPDATE account SET password = '!' || password");
    assert_int_equal(imap("bob123456@a.org", "correct horse").verdict, ACCOUNT_DENIED);
    test_sql(&world, "UPDATE account SET password = ''");
    assert_int_equal(imap("bob123456@a.org", "correct horse").verdict, ACCOUNT_DENIED);
}

static void a_blocked_account_may_log_in(void **state) {
    assert_false(imap("bob123456@a.org", "secret-password").blocked);
    test_sql(&world, "UPDATE account SET blocked = 1");
    struct test_outcome o = submission("bob123456@a.org", "secret-password");
    assert_int_equal(o.verdict, ACCOUNT_OK);
    assert_true(o.blocked);
}

static void trouble_of_the_store_is_no_denial(void **state) {
    store_test_fail_next_commit(world.store, STORE_FULL);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_UNAVAILABLE);
    store_test_fail_next_commit(world.store, STORE_FAILED);
    struct test_outcome o = imap("bob123456@a.org", "secret-password");
    assert_int_equal(o.verdict, ACCOUNT_UNAVAILABLE);
    assert_false(o.created);
    o = imap("bob123456@a.org", "secret-password");
    assert_true(o.verdict == ACCOUNT_OK && o.created);
}

static void closed_registration(void **state) {
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    test_world_configure(&world, (const char *const[]){"registration=closed", NULL});
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    test_world_configure(&world, (const char *const[]){"registration=invite", NULL});
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    test_world_configure(&world, NULL);
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_OK);
}

static void a_shortage_blocks_creation_but_no_login(void **state) {
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    test_world_configure(&world, (const char *const[]){"min_available_memory=900T", NULL});
    test_world_restart(&world);
    // Who would not get an account anyway learns nothing of it.
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_UNAVAILABLE);
    assert_int_equal(imap("bob123457@a.org", "short").verdict, ACCOUNT_DENIED);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123456@a.org", "another-password").verdict, ACCOUNT_DENIED);
}

static void pressure_blocks_creation_but_no_login(void **state) {
    static const unsigned pressed[PRESSURE_N_CAUSES] = {[PRESSURE_MEMORY] = 1}, none[PRESSURE_N_CAUSES] = {0};
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    test_world_restart(&world);
    pressure_publish(pressed);
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_UNAVAILABLE);
    assert_int_equal(imap("bob123457@a.org", "short").verdict, ACCOUNT_DENIED);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    pressure_publish(none);
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_OK);
}

static void names_outside_the_rules_may_log_in(void **state) {
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    test_world_configure(&world, (const char *const[]){"username_min_length=12", "username_max_length=20",
                                                       "password_min_length=100", NULL});
    test_world_restart(&world);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123457@a.org", "secret-password").verdict, ACCOUNT_DENIED);
}

static void the_day_of_imap_logins(void **state) {
    const int64_t day = 20000;
    clock_set_fake(1000000, day * 86400 + 5);
    assert_int_equal(submission("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_read_record(&world, "bob123456@a.org").last_login_day, day);
    clock_set_fake(2000000, (day + 1) * 86400 + 86399);
    assert_int_equal(submission("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(test_read_record(&world, "bob123456@a.org").last_login_day, day);
    assert_int_equal(imap("bob123456@a.org", "wrong-password").verdict, ACCOUNT_DENIED);
    assert_int_equal(test_read_record(&world, "bob123456@a.org").last_login_day, day);
    assert_int_equal(imap("bob123456@a.org", "secret-password").verdict, ACCOUNT_OK);
    test_world_restart(&world); // closing the store waits for the write
    assert_int_equal(test_read_record(&world, "bob123456@a.org").last_login_day, day + 1);
}

static void creation_is_limited_by_client(void **state) {
    clock_set_fake(1000000000, 1700000000);
    test_world_configure(&world, (const char *const[]){"max_new_accounts_per_hour=2", NULL});
    assert_int_equal(imap("bob123451@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123452@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123453@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    assert_int_equal(imap("bob123451@a.org", "secret-password").verdict, ACCOUNT_OK);
    clock_set_fake(1000000000, 1700000000 + 86400); // the wall clock is nothing
    assert_int_equal(imap("bob123453@a.org", "secret-password").verdict, ACCOUNT_DENIED);
    clock_set_fake(1000000000 + 1801 * 1000000ULL, 1700000000);
    assert_int_equal(imap("bob123453@a.org", "secret-password").verdict, ACCOUNT_OK);
    assert_int_equal(imap("bob123454@a.org", "secret-password").verdict, ACCOUNT_DENIED);
}

static void notices_come_once_a_second(void **state) {
    struct account_notice n = {0};
    for (uint64_t ms = 5000; ms < 8000; ms += 100) {
        clock_set_fake(ms * 1000, 1700000000);
        assert_int_equal(account_notice_is_due(&n), ms % 1000 == 0);
        assert_false(account_notice_is_due(&n));
    }
}

static void sending_is_limited_by_the_configuration(void **state) {
    clock_set_fake(1000000000, 1700000000);
    test_world_configure(&world,
                         (const char *const[]){"max_user_send_per_minute=6", "max_user_send_burst_size=3", NULL});
    uint32_t wait_s = 0;
    for (int i = 0; i < 3; i++)
        assert_true(account_send_allowed(world.accounts, 7, &wait_s));
    assert_false(account_send_allowed(world.accounts, 7, &wait_s));
    assert_int_equal(wait_s, 10);
    assert_true(account_send_allowed(world.accounts, 8, &wait_s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_login_creates, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_password_never_overwrites, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords_of_any_octets, setup, teardown),
        cmocka_unit_test_setup_teardown(a_known_login_costs_no_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_costs_a_hash_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_record_counts_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blocked_account_may_log_in, setup, teardown),
        cmocka_unit_test_setup_teardown(trouble_of_the_store_is_no_denial, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_registration, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shortage_blocks_creation_but_no_login, setup, teardown),
        cmocka_unit_test_setup_teardown(pressure_blocks_creation_but_no_login, setup, teardown),
        cmocka_unit_test_setup_teardown(names_outside_the_rules_may_log_in, setup, teardown),
        cmocka_unit_test_setup_teardown(the_day_of_imap_logins, setup, teardown),
        cmocka_unit_test_setup_teardown(creation_is_limited_by_client, setup, teardown),
        cmocka_unit_test_setup_teardown(notices_come_once_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(sending_is_limited_by_the_configuration, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
