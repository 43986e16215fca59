// SPDX-License-Identifier: MIT
// Offers, and the logins that follow them, against a real store.
#include "account/offer.h"

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
#include "store/store_internal.h"

static struct test_world world;
static const char *const by_invitation[] = {"registration=invite", NULL};
static const int64_t today = 20000;

static void set_time(int64_t day, int64_t second) {
    static uint64_t mono_us = 1000000;
    mono_us += 60 * 1000000ULL; // every limit of offers is open again
    clock_set_fake(mono_us, day * 86400 + second);
}

static int setup(void **state) {
    set_time(today, 3600);
    test_world_start(&world, by_invitation);
    return 0;
}

static int teardown(void **state) {
    test_world_stop(&world);
    clock_use_real();
    return 0;
}

static const char token[] = "AQEBAQEBAQEBAQEBAQEBAQ"; // sixteen times 0x01

static void stop(struct store_op *op) {
    loop_stop(op->loop);
}

static enum store_status run(struct store_op *op) {
    store_op_submit(world.store, world.loop, op, stop, NULL);
    loop_run(world.loop);
    enum store_status status = op->status;
    store_op_free(op);
    return status;
}

static void invite(uint32_t uses, int64_t last_day) {
    uint8_t invitation[ACCOUNT_INVITATION_LEN];
    assert_true(account_token_parse(SLICE("AQEBAQEBAQEBAQEBAQEBAQ"), invitation));
    assert_int_equal(run(&store_invitation_add_new(invitation, uses, last_day)->op), STORE_OK);
}

struct waiting {
    struct account_offer offer;
    int n_answers;
};

static void on_offer(void *arg, const struct account_offer *o) {
    struct waiting *w = arg;
    w->offer = *o;
    w->n_answers++;
    loop_stop(world.loop);
}

static struct account_offer offer_to(uint8_t peer, const char *with_token) {
    struct waiting w = {0};
    struct net_address address = test_peer(peer);
    (void)account_offer_start(world.accounts, world.loop, slice_from_cstr(with_token), &address, on_offer, &w);
    assert_int_equal(w.n_answers, 0); // never within the call
    loop_run(world.loop);
    assert_int_equal(w.n_answers, 1);
    return w.offer;
}

static struct account_offer offer(const char *with_token) {
    static uint8_t peer;
    return offer_to(++peer, with_token);
}

static enum account_verdict login(const char *address, const char *password) {
    return test_login(&world, ACCOUNT_IMAP, address, password).verdict;
}

static void what_is_offered(void **state) {
    static const struct {
        const char *settings[5];
        size_t name_len, password_len;
    } cases[] = {
        {{"registration=open"}, 9, 12},
        {{"registration=open", "username_max_length=20", "password_min_length=9"}, 20, 12},
        {{"registration=open", "username_min_length=3", "username_max_length=5", "password_min_length=1"}, 5, 12},
        {{"registration=open", "password_min_length=128"}, 9, 131},
        {{"registration=open", "username_max_length=64"}, 64, 12},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_world_configure(&world, cases[i].settings);
        struct account_offer o = offer("anything"), other = offer("");
        assert_int_equal(o.status, ACCOUNT_OFFER_MADE);
        assert_int_equal(strlen(o.address), cases[i].name_len + strlen("@a.org"));
        assert_int_equal(strspn(o.address, "abcdefghijklmnopqrstuvwxyz0123456789"), cases[i].name_len);
        assert_string_equal(o.address + cases[i].name_len, "@a.org");
        assert_int_equal(strlen(o.password), cases[i].password_len);
        for (const char *p = o.password; *p != '\0'; p++)
            assert_true(*p > ' ' && *p < 0x7f);
        assert_string_not_equal(o.address, other.address);
        assert_string_not_equal(o.password, other.password);
        assert_string_equal(test_read_record(&world, o.address).hash, ""); // nothing is stored
        assert_int_equal(login(o.address, o.password), ACCOUNT_OK);
    }
}

static void who_is_refused(void **state) {
    invite(1, today + 1);
    assert_int_equal(offer("").status, ACCOUNT_OFFER_NEEDS_INVITATION);
    static const char *const bad[] = {"x", "AQEBAQEBAQEBAQEBAQEBAg", "AQEBAQEBAQEBAQEBAQEBA", "AQEBAQEBAQEBAQEBAQEBAQA",
                                      "AgEBAQEBAQEBAQEBAQEBAQ"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(offer(bad[i]).status, ACCOUNT_OFFER_INVALID_INVITATION);
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_MADE);
    set_time(today + 2, 0);
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_INVALID_INVITATION);
    test_world_configure(&world, (const char *const[]){"registration=closed", NULL});
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_CLOSED);
}

static void a_shortage(void **state) {
    invite(1, today);
    char nocreate[128];
    (void)snprintf(nocreate, sizeof(nocreate), "nocreate_path=%s/nocreate", world.dir);
    const char *const settings[] = {nocreate, "registration=invite", NULL};
    test_world_configure(&world, settings);
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_MADE);
    FILE *f = fopen(nocreate + strlen("nocreate_path="), "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_UNAVAILABLE);
    test_world_configure(&world, (const char *const[]){"registration=open", "min_available_memory=900T", NULL});
    test_world_restart(&world);
    assert_int_equal(offer("").status, ACCOUNT_OFFER_UNAVAILABLE);
    test_world_configure(&world, (const char *const[]){"registration=invite", NULL});
    store_test_fail_next_commit(world.store, STORE_FULL);
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_UNAVAILABLE); // the secret could not be read
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_MADE);
}

static void too_many(void **state) {
    invite(1, today);
    for (int i = 0; i < 5; i++) // guesses count
        assert_int_equal(offer_to(200, i % 2 == 0 ? token : "guess").status,
                         i % 2 == 0 ? ACCOUNT_OFFER_MADE : ACCOUNT_OFFER_INVALID_INVITATION);
    struct account_offer o = offer_to(200, token);
    assert_int_equal(o.status, ACCOUNT_OFFER_TOO_MANY);
    assert_int_equal(o.wait_s, 1);
    assert_int_equal(offer_to(201, token).status, ACCOUNT_OFFER_MADE);
    set_time(today, 3700);
    assert_int_equal(offer_to(200, token).status, ACCOUNT_OFFER_MADE);
}

static void the_first_login_uses_the_invitation(void **state) {
    invite(2, today);
    struct account_offer a = offer(token), b = offer(token), c = offer(token);
    assert_int_equal(strlen(a.password), 64);
    // Offers cost nothing; the password of one name is nothing for another.
    assert_int_equal(login(a.address, b.password), ACCOUNT_DENIED);
    assert_int_equal(login("bob123456@a.org", a.password), ACCOUNT_DENIED);
    assert_int_equal(login("bob123456@a.org", "secret-password"), ACCOUNT_DENIED);
    struct test_outcome first = test_login(&world, ACCOUNT_SUBMISSION, a.address, a.password);
    assert_true(first.verdict == ACCOUNT_OK && first.created);
    // The second login is an ordinary one, also after a restart, and takes no use.
    assert_int_equal(login(a.address, a.password), ACCOUNT_OK);
    test_world_restart(&world);
    assert_int_equal(login(a.address, a.password), ACCOUNT_OK);
    assert_int_equal(login(a.address, b.password), ACCOUNT_DENIED);
    assert_int_equal(login(b.address, b.password), ACCOUNT_OK);
    assert_int_equal(login(c.address, c.password), ACCOUNT_DENIED);
    assert_string_equal(test_read_record(&world, c.address).hash, "");
    assert_int_equal(offer(token).status, ACCOUNT_OFFER_INVALID_INVITATION);
}

// Between the offer and the login nothing is remembered that a restart could forget.
static void a_restart_between(void **state) {
    invite(1, today + 1);
    struct account_offer o = offer(token);
    test_world_restart(&world);
    assert_int_equal(login(o.address, o.password), ACCOUNT_OK);
}

static void an_offer_expires(void **state) {
    invite(3, today + 10);
    struct account_offer o = offer(token), other = offer(token);
    set_time(today + 1, 3599);
    assert_int_equal(login(o.address, o.password), ACCOUNT_OK);
    set_time(today + 1, 3600);
    assert_int_equal(login(other.address, other.password), ACCOUNT_DENIED);
    // The account that stands does not expire with it.
    set_time(today + 9, 0);
    test_world_restart(&world);
    assert_int_equal(login(o.address, o.password), ACCOUNT_OK);
}

static void an_invitation_taken_back(void **state) {
    invite(3, today);
    struct account_offer o = offer(token);
    uint8_t invitation[ACCOUNT_INVITATION_LEN];
    assert_true(account_token_parse(SLICE("AQEBAQEBAQEBAQEBAQEBAQ"), invitation));
    assert_int_equal(run(&store_invitation_delete_new(invitation)->op), STORE_OK);
    assert_int_equal(login(o.address, o.password), ACCOUNT_DENIED);
}

static void a_refusal_costs_a_hash(void **state) {
    uint64_t before = test_hash_jobs(&world);
    assert_int_equal(login("bob123456@a.org", "secret-password"), ACCOUNT_DENIED);
    assert_int_equal(test_hash_jobs(&world), before + 1);
}

static void other_registrations(void **state) {
    invite(3, today);
    struct account_offer o = offer(token), other = offer(token);
    test_world_configure(&world, (const char *const[]){"registration=closed", NULL});
    assert_int_equal(login(o.address, o.password), ACCOUNT_DENIED);
    // With open registration such a password is one like any other, and takes no use.
    test_world_configure(&world, NULL);
    assert_int_equal(login(o.address, other.password), ACCOUNT_OK);
    test_world_configure(&world, (const char *const[]){"registration=closed", NULL});
    assert_int_equal(login(o.address, other.password), ACCOUNT_OK);
    test_world_configure(&world, by_invitation);
    assert_int_equal(login(o.address, o.password), ACCOUNT_DENIED);
    assert_int_equal(login(other.address, other.password), ACCOUNT_OK);
    // A longer minimum than such a password has is no reason against it.
    test_world_configure(&world, (const char *const[]){"registration=invite", "password_min_length=128", NULL});
    struct account_offer third = offer(token);
    assert_int_equal(login(third.address, third.password), ACCOUNT_OK);
}

static void cancelled(void **state) {
    invite(3, today);
    for (int restarted = 0; restarted < 2; restarted++) {
        struct waiting w = {0};
        static const char *const tokens[] = {"", "x", token}; // refused in the next turn, and waiting for the store
        for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
            struct net_address peer = test_peer((uint8_t)(100 + i));
            account_offer_cancel(
                account_offer_start(world.accounts, world.loop, slice_from_cstr(tokens[i]), &peer, on_offer, &w));
        }
        test_world_configure(&world, NULL); // waiting for a worker
        struct net_address peer = test_peer(110);
        account_offer_cancel(account_offer_start(world.accounts, world.loop, SLICE_EMPTY, &peer, on_offer, &w));
        test_world_configure(&world, by_invitation);
        test_world_restart(&world); // asserts that no offer is left
        assert_int_equal(w.n_answers, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_offered, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shortage, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_login_uses_the_invitation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_between, setup, teardown),
        cmocka_unit_test_setup_teardown(an_offer_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invitation_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_costs_a_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(other_registrations, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
