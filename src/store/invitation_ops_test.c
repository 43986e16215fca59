// SPDX-License-Identifier: MIT
// The contract of every backend: invitations, accounts that need one, secrets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/account_ops.h"
#include "store/store_internal.h"
#include "store/test_support.h"

enum { TODAY = 20000 };

static int setup(void **state) {
    clock_set_fake(1000000, (int64_t)TODAY * 86400 + 5);
    return 0;
}

static int teardown(void **state) {
    clock_use_real();
    return 0;
}

// An invitation of which each octet is `n`.
static const uint8_t *number(uint8_t n) {
    static uint8_t octets[STORE_INVITATION_LEN];
    memset(octets, n, sizeof(octets));
    return octets;
}

static enum store_status add(struct fixture *f, uint8_t n, uint32_t uses, int64_t last_day) {
    return run_and_free(f, &store_invitation_add_new(number(n), uses, last_day)->op);
}

// Uses that are left; 0: not found.
static uint32_t uses_of(struct fixture *f, uint8_t n, int64_t today) {
    struct store_invitation_find *find = store_invitation_find_new(number(n), today);
    enum store_status status = run_op(f, &find->op);
    uint32_t uses = status == STORE_OK ? find->ret_uses : 0;
    assert_true(status == STORE_OK || status == STORE_NOT_FOUND);
    store_op_free(&find->op);
    return uses;
}

// "1x3@20000 2x1@20001 ": number, uses, last day.
static const char *list(struct fixture *f, int64_t today) {
    static char text[512];
    struct store_invitation_list *l = store_invitation_list_new(today, NULL);
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    text[0] = '\0';
    for (size_t i = 0; i < l->ret_n_rows; i++) {
        const struct store_invitation_row *row = &l->ret_rows[i];
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%ux%u@%lld ", row->invitation[15], row->uses,
                       (long long)row->last_day);
    }
    store_op_free(&l->op);
    return text;
}

static struct store_account_create *creation(const char *address, uint8_t n, int64_t today) {
    struct store_account_create *c = store_account_create_new(slice_from_cstr(address), SLICE("hash"));
    store_account_create_by_invitation(c, number(n), today);
    return c;
}

static void test_add_find_list_delete(void **state) {
    struct fixture f;
    fixture_init(&f);
    assert_string_equal(list(&f, TODAY), "");
    assert_int_equal(uses_of(&f, 1, TODAY), 0);
    assert_int_equal(add(&f, 1, 3, TODAY + 2), STORE_OK);
    assert_int_equal(add(&f, 2, UINT32_MAX, TODAY), STORE_OK);
    assert_int_equal(add(&f, 3, 1, TODAY + 1), STORE_OK);
    assert_int_equal(add(&f, 3, 7, TODAY + 7), STORE_EXISTS);
    assert_int_equal(add(&f, 4, 0, TODAY), STORE_INVALID);
    assert_string_equal(list(&f, TODAY), "2x4294967295@20000 3x1@20001 1x3@20002 ");
    assert_int_equal(uses_of(&f, 1, TODAY + 2), 3);
    assert_int_equal(uses_of(&f, 1, TODAY + 3), 0);
    assert_string_equal(list(&f, TODAY + 1), "3x1@20001 1x3@20002 ");
    assert_int_equal(run_and_free(&f, &store_invitation_delete_new(number(3))->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_invitation_delete_new(number(3))->op), STORE_NOT_FOUND);
    assert_int_equal(uses_of(&f, 3, TODAY), 0);
    fixture_close(&f);
    fixture_open(&f);
    assert_string_equal(list(&f, TODAY), "2x4294967295@20000 1x3@20002 ");
    fixture_done(&f);
}

static void test_adding_deletes_what_has_expired(void **state) {
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(add(&f, 1, 3, TODAY - 1), STORE_OK); // the clock was wrong
    assert_int_equal(add(&f, 2, 3, TODAY), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM invitation"), 1);
    assert_string_equal(list(&f, 0), "2x3@20000 ");
    fixture_done(&f);
}

static void test_creation_takes_a_use(void **state) {
    static const struct {
        const char *address;
        uint8_t invitation;
        int64_t today;
        enum store_status want;
        bool created;
        uint32_t left; // of the invitation, afterwards
    } cases[] = {
        {"a@example.org", 9, TODAY, STORE_NOT_FOUND, false, 0},     // unknown
        {"a@example.org", 1, TODAY + 1, STORE_NOT_FOUND, false, 2}, // over
        {"", 1, TODAY, STORE_INVALID, false, 2},
        {"a@example.org", 1, TODAY, STORE_OK, true, 1},
        {"a@example.org", 1, TODAY, STORE_OK, false, 1}, // stands already
        {"a@example.org", 9, TODAY, STORE_OK, false, 0},
        {"b@example.org", 1, TODAY, STORE_OK, true, 0}, // the last one
        {"c@example.org", 1, TODAY, STORE_NOT_FOUND, false, 0},
    };
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(add(&f, 1, 2, TODAY), STORE_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_account_create *c = creation(cases[i].address, cases[i].invitation, cases[i].today);
        enum store_status got = run_op(&f, &c->op);
        uint32_t left = uses_of(&f, cases[i].invitation, TODAY);
        if (got != cases[i].want || c->ret_created != cases[i].created || left != cases[i].left)
            fail_msg("case %zu: got status %d created %d left %u", i, (int)got, c->ret_created, left);
        store_op_free(&c->op);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM invitation"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM account"), 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM mailbox"), 2);
    fixture_done(&f);
}

struct race {
    struct loop *loop;
    int n_created, n_refused, n_left;
};

static void on_raced(struct store_op *op) {
    struct race *r = op->arg;
    r->n_created += op->status == STORE_OK;
    r->n_refused += op->status == STORE_NOT_FOUND;
    store_op_free(op);
    if (--r->n_left == 0)
        loop_stop(r->loop);
}

// Ten at once, of which most share a commit: an invitation for three makes three.
static void test_race(void **state) {
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(add(&f, 1, 3, TODAY), STORE_OK);
    struct race race = {.loop = f.loop, .n_left = 10};
    for (int i = 0; i < 10; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "u%d@example.org", i);
        store_op_submit(f.store, f.loop, &creation(address, 1, TODAY)->op, on_raced, &race);
    }
    loop_run(f.loop);
    assert_int_equal(race.n_created, 3);
    assert_int_equal(race.n_refused, 7);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM account"), 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM invitation"), 0);
    fixture_done(&f);
}

static void test_failed_commit_takes_no_use(void **state) {
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(add(&f, 1, 1, TODAY), STORE_OK);
    store_test_fail_next_commit(f.store, STORE_FAILED);
    assert_int_equal(run_and_free(&f, &creation("a@example.org", 1, TODAY)->op), STORE_FAILED);
    assert_int_equal(uses_of(&f, 1, TODAY), 1);
    assert_int_equal(run_and_free(&f, &creation("a@example.org", 1, TODAY)->op), STORE_OK);
    assert_int_equal(uses_of(&f, 1, TODAY), 0);
    fixture_done(&f);
}

static void read_secret(struct fixture *f, const char *name, uint8_t ret[STORE_SECRET_LEN]) {
    struct store_secret *s = store_secret_new(name);
    assert_int_equal(run_op(f, &s->op), STORE_OK);
    memcpy(ret, s->ret_secret, STORE_SECRET_LEN);
    store_op_free(&s->op);
}

static void test_secrets(void **state) {
    uint8_t a[STORE_SECRET_LEN], b[STORE_SECRET_LEN], again[STORE_SECRET_LEN];
    static const char overlong[] = "a-name-of-more-octets-than-names-have";
    struct fixture f;
    fixture_init(&f);
    read_secret(&f, "a", a);
    read_secret(&f, "b", b);
    assert_memory_not_equal(a, b, sizeof(a));
    fixture_close(&f);
    fixture_open(&f);
    read_secret(&f, "a", again);
    assert_memory_equal(a, again, sizeof(a));
    assert_int_equal(run_and_free(&f, &store_secret_new("")->op), STORE_INVALID);
    assert_int_equal(run_and_free(&f, &store_secret_new(overlong)->op), STORE_INVALID);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_find_list_delete),       cmocka_unit_test(test_adding_deletes_what_has_expired),
        cmocka_unit_test(test_creation_takes_a_use),       cmocka_unit_test(test_race),
        cmocka_unit_test(test_failed_commit_takes_no_use), cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests_name("store/invitation", tests, setup, teardown);
}
