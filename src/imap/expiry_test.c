// SPDX-License-Identifier: MIT
// Expiry as sessions see it: messages that go while somebody looks, and what makes a large one count as shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/fixture.h"
#include "imap/share.h"
#include "store/expiry_ops.h"

static struct fixture fixture;

static int setup(void **state) {
    fixture_open(&fixture, NULL);
    return 0;
}

static int teardown(void **state) {
    fixture_close(&fixture);
    return 0;
}

static struct store_expiry_find *find(enum store_expiry_rule rule) {
    struct store_expiry_bounds b = {.mails_hour = rule == STORE_EXPIRY_MAILS ? INT32_MAX : 0, .large_hour = INT32_MAX};
    struct store_expiry_find *f = store_expiry_find_new(rule, &b);
    fixture_run_op(&fixture, &f->op);
    assert_int_equal(f->op.status, STORE_OK);
    return f;
}

enum { STEPS_MAX = 30 * 1000 }; // of two milliseconds or more, after which a test hangs

// What a session notes is done a little later.
static void expect_large(size_t want) {
    size_t got = SIZE_MAX;
    for (int i = 0; i < STEPS_MAX && got != want; i++) {
        struct store_expiry_find *f = find(STORE_EXPIRY_LARGE);
        got = f->ret_n;
        store_op_free(&f->op);
        (void)nanosleep(&(struct timespec){.tv_nsec = 2 * 1000000}, NULL);
    }
    assert_int_equal(got, want);
}

static void expire_all(void) {
    struct store_expiry_find *f = find(STORE_EXPIRY_MAILS);
    for (size_t left = f->ret_n; left > 0;) {
        struct store_expiry_remove *r = store_expiry_remove_new(f->ret_items, f->ret_n);
        fixture_run_op(&fixture, &r->op); // what an earlier slice has removed counts as done
        left = r->n_items - r->ret_done;
        store_op_free(&r->op);
    }
    store_op_free(&f->op);
}

// As with any EXPUNGE of another session: at the end of IDLE, which nothing but new mail disturbs (imap/cmd_idle.c),
// and with the next command that allows it (RFC 3501 7.4.1: not FETCH, STORE, SEARCH).
static void test_sessions_see_it(void **state) {
    static struct client idle, busy;
    client_open_selected(&idle, &fixture);
    fixture_deliver(&fixture, ALICE, MAIL, sizeof(MAIL) - 1);
    fixture_deliver(&fixture, ALICE, MAIL, sizeof(MAIL) - 1);
    client_talk(&idle, "a NOOP\r\n", "* 2 EXISTS\r\na OK Noop completed\r\n");
    client_open(&busy, &fixture, true);
    client_login(&busy, ALICE);
    client_send(&busy, "s SELECT INBOX\r\n", 16);
    client_expect(&busy, "* FLAGS ~\r\n* OK ~\r\n* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] First unseen\r\n"
                         "* OK ~\r\n* OK ~\r\ns OK ~\r\n");
    client_talk(&idle, "i IDLE\r\n", "+ idling\r\n");
    expire_all();
    client_talk(&idle, "DONE\r\n", "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\ni OK Idle completed\r\n");
    client_talk(&busy, "b FETCH 1 FLAGS\r\n", "b OK Fetch completed\r\n");
    client_talk(&busy, "c NOOP\r\n", "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK Noop completed\r\n");
    client_close(&idle);
    client_close(&busy);
}

static void test_large(void **state) {
    enum { LARGE = STORE_LARGE_OCTETS + 1 };
    static struct client c;
    char *text = mem_alloc(LARGE);
    memset(text, 'x', LARGE);
    client_open_selected(&c, &fixture);
    client_talk(&c, "u UNSELECT\r\n", "u OK Unselect completed\r\n");
    fixture_deliver(&fixture, ALICE, text, LARGE);
    client_talk(&c, "s STATUS INBOX (MESSAGES)\r\n", "* STATUS \"INBOX\" (MESSAGES 1)\r\ns OK Status completed\r\n");
    client_send(&c, "e EXAMINE INBOX\r\n", 17);
    client_expect(&c, "* FLAGS ~\r\n* OK ~\r\n* 1 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\n* OK ~\r\ne OK ~\r\n");
    expect_large(0);
    client_send(&c, "s SELECT INBOX\r\n", 16);
    client_expect(&c, "* FLAGS ~\r\n* OK ~\r\n* 1 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\n* OK ~\r\ns OK ~\r\n");
    expect_large(1);
    // One that comes while it is selected counts when something of it is fetched.
    fixture_deliver(&fixture, ALICE, text, LARGE);
    client_talk(&c, "n NOOP\r\n", "* 2 EXISTS\r\nn OK Noop completed\r\n");
    expect_large(1);
    client_talk(&c, "f UID FETCH 2 (UID BODY.PEEK[]<0.3>)\r\n",
                "* 2 FETCH (UID 2 BODY[]<0> {3}\r\nxxx)\r\nf OK Fetch completed\r\n");
    expect_large(2);
    client_close(&c);
    free(text);
}

static void test_in_use(void **state) {
    static struct client c;
    assert_false(imap_share_has(fixture.server.shares, 1));
    client_open(&c, &fixture, true);
    client_login(&c, ALICE);
    assert_true(imap_share_has(fixture.server.shares, 1));
    client_close(&c);
    assert_false(imap_share_has(fixture.server.shares, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions_see_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
    };
    return cmocka_run_group_tests_name("imap/expiry", tests, NULL, NULL);
}
