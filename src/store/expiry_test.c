// SPDX-License-Identifier: MIT
// The contract of every backend: what is due by each rule at its boundary, what removing leaves, and what others see.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/expiry_ops.h"
#include "store/test_support.h"

// The tenth hour of day 20000; the fake clock stands there unless a test says otherwise.
enum { DAY = 20000, HOUR = DAY * 24 + 10, LARGE = STORE_LARGE_OCTETS + 1 };

static void set_hour(int64_t hour) {
    clock_set_fake(1000 * 1000000, hour * 3600 + 1799);
}

static void begin(struct fixture *f) {
    set_hour(HOUR);
    fixture_init(f);
}

static void end(struct fixture *f) {
    fixture_done(f);
    clock_use_real();
}

static void deliver_octets(struct fixture *f, const char *address, size_t len) {
    char *data = make_message(len, (unsigned)len);
    assert_int_equal(deliver(f, address, data, len, NULL), STORE_DELIVERED);
    free(data);
}

// "time:id/uid ..." of what is due; accounts are "time:id(messages/octets)".
static const char *due(struct fixture *f, enum store_expiry_rule rule, const struct store_expiry_bounds *b,
                       struct store_expiry_find **ret) {
    static char text[16 * 1024];
    size_t at = 0;
    struct store_expiry_find *find = store_expiry_find_new(rule, b);
    assert_int_equal(run_op(f, &find->op), STORE_OK);
    text[0] = '\0';
    for (size_t i = 0; i < find->ret_n; i++) {
        const struct store_expiry_item *item = &find->ret_items[i];
        unsigned long long id = item->id;
        if (item->uid != 0)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%lld:%llu/%u ", (long long)item->time - HOUR, id,
                                   item->uid);
        else
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%lld:%llu(%llu/%llu) ", (long long)item->time - DAY,
                                   id, (unsigned long long)item->messages, (unsigned long long)item->octets);
    }
    if (ret != NULL)
        *ret = find;
    else
        store_op_free(&find->op);
    return text;
}

// Removes what is due by the rule; the number of messages.
static uint64_t expire(struct fixture *f, enum store_expiry_rule rule, const struct store_expiry_bounds *b) {
    struct store_expiry_find *find;
    (void)due(f, rule, b, &find);
    uint64_t n = 0;
    for (size_t at = 0; at < find->ret_n || find->ret_account_id != 0;) {
        struct store_expiry_remove *r = store_expiry_remove_new(find->ret_items + at, find->ret_n - at);
        if (find->ret_n - at <= STORE_EXPIRY_SLICE_MAX)
            store_expiry_remove_relieve(r, find->ret_account_id, HOUR + 1);
        enum store_status status = run_op(f, &r->op);
        assert_true(status == STORE_OK || status == STORE_NOT_FOUND);
        at += r->ret_done;
        n += r->ret_messages;
        store_op_free(&r->op);
        if (at >= find->ret_n)
            break;
    }
    store_op_free(&find->op);
    return n;
}

// ---- age ----

static void test_mails(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    for (int64_t age = 30; age >= 28; age--) {
        set_hour(HOUR - age);
        deliver_octets(&f, "a@example.org", 10 + (size_t)age);
    }
    append(&f, a, "Box", "seen", STORE_FLAG_SEEN | STORE_FLAG_FLAGGED, ""); // in all folders, seen or not
    set_hour(HOUR);
    const struct {
        int64_t hour;
        const char *want;
    } cases[] = {{-31, ""}, {-30, "-30:1/1 "}, {-29, "-30:1/1 -29:1/2 "}, {-28, "-30:1/1 -29:1/2 -28:1/3 -28:2/1 "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_expiry_bounds b = {.mails_hour = HOUR + cases[i].hour};
        assert_string_equal(due(&f, STORE_EXPIRY_MAILS, &b, NULL), cases[i].want);
    }
    (void)fixture_changes(&f);
    struct store_expiry_bounds b = {.mails_hour = HOUR - 29};
    assert_int_equal(expire(&f, STORE_EXPIRY_MAILS, &b), 2);
    assert_string_equal(fixture_changes(&f), "expunged 1:1,2 origin=0;");
    assert_string_equal(describe(&f, a, "INBOX"), "4/1/1/0/38");
    assert_int_equal(expire(&f, STORE_EXPIRY_MAILS, &b), 0);
    end(&f);
}

// Copies and moves do not make a message younger, and a client's date neither younger nor older.
static void test_arrival(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), inbox = mailbox_id(&f, a, "INBOX");
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    set_hour(HOUR - 10);
    deliver_octets(&f, "a@example.org", 100);
    static const int64_t dates[] = {1, (HOUR + 1000) * 3600LL};
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        struct store_append *ap = store_append_new(make_body(&f, "x", 1), a, SLICE("INBOX"));
        ap->internal_date = dates[i];
        assert_int_equal(run_and_free(&f, &ap->op), STORE_OK);
    }
    set_hour(HOUR);
    struct store_uid_range all = {1, 3};
    assert_int_equal(run_and_free(&f, &store_copy_new(a, inbox, &all, 1, SLICE("Box"), false)->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_copy_new(a, inbox, &all, 1, SLICE("Box"), true)->op), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) * 1000 + max(hour) - min(hour) FROM entry"), 6000);
    struct store_expiry_bounds b = {.mails_hour = HOUR - 11};
    assert_int_equal(expire(&f, STORE_EXPIRY_MAILS, &b), 0);
    b.mails_hour = HOUR - 10;
    assert_int_equal(expire(&f, STORE_EXPIRY_MAILS, &b), 6);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    end(&f);
}

// ---- large ----

static void test_large(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), inbox = mailbox_id(&f, a, "INBOX");
    set_hour(HOUR - 50);
    deliver_octets(&f, "a@example.org", LARGE);
    set_hour(HOUR - 20);
    deliver_octets(&f, "a@example.org", LARGE - 1);
    deliver_octets(&f, "a@example.org", LARGE);
    set_hour(HOUR);
    struct store_expiry_bounds b = {.mails_hour = HOUR - 40, .large_hour = HOUR - 20};
    assert_string_equal(due(&f, STORE_EXPIRY_LARGE, &b, NULL), ""); // never shown
    struct store_mailbox_open *open = store_mailbox_open_new(a, SLICE("INBOX"), true);
    assert_int_equal(run_op(&f, &open->op), STORE_OK);
    assert_true(open->ret_large_waits);
    store_op_free(&open->op);
    assert_int_equal(run_and_free(&f, &store_expiry_shown_new(inbox, 2)->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expiry_shown_new(inbox, 2)->op), STORE_NOT_FOUND);
    assert_string_equal(due(&f, STORE_EXPIRY_LARGE, &b, NULL), ""); // it is due as a mail
    assert_string_equal(due(&f, STORE_EXPIRY_MAILS, &b, NULL), "-50:1/1 ");
    assert_int_equal(run_and_free(&f, &store_expiry_shown_new(inbox, 3)->op), STORE_OK);
    assert_string_equal(due(&f, STORE_EXPIRY_LARGE, &b, NULL), "-20:1/3 ");
    b.large_hour--;
    assert_string_equal(due(&f, STORE_EXPIRY_LARGE, &b, NULL), "");
    b.large_hour++;
    open = store_mailbox_open_new(a, SLICE("INBOX"), true);
    assert_int_equal(run_op(&f, &open->op), STORE_OK);
    assert_false(open->ret_large_waits);
    store_op_free(&open->op);
    assert_int_equal(expire(&f, STORE_EXPIRY_LARGE, &b), 1);
    assert_int_equal(expire(&f, STORE_EXPIRY_MAILS, &b), 1);
    assert_string_equal(describe(&f, a, "INBOX"), "4/1/1/0/200000");
    fixture_close(&f); // waits until files are removed
    assert_int_equal(fixture_files(&f, NULL), 1);
    fixture_open(&f);
    end(&f);
}

// ---- accounts ----

static enum store_status delete_idle(struct fixture *f, uint64_t account, int64_t day) {
    struct store_account_delete *d = store_account_delete_new(account);
    d->login_day = day;
    return run_and_free(f, &d->op);
}

static void test_accounts(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    deliver_octets(&f, "a@example.org", 100);
    set_hour(HOUR + 48);
    assert_int_equal(run_and_free(&f, &store_account_touch_new(b, DAY + 1)->op), STORE_OK);
    const struct {
        int64_t day;
        const char *want;
    } cases[] = {{-1, ""}, {0, "0:1(1/100) "}, {1, "0:1(1/100) 1:2(0/0) "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_expiry_bounds bounds = {.login_day = DAY + cases[i].day};
        assert_string_equal(due(&f, STORE_EXPIRY_ACCOUNTS, &bounds, NULL), cases[i].want);
    }
    // Its messages go with it, by no other rule.
    struct store_expiry_bounds bounds = {.login_day = DAY, .mails_hour = HOUR};
    assert_string_equal(due(&f, STORE_EXPIRY_MAILS, &bounds, NULL), "");
    // Who came back meanwhile stays.
    assert_int_equal(delete_idle(&f, b, DAY), STORE_NOT_FOUND);
    assert_int_equal(delete_idle(&f, a, DAY), STORE_OK);
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 0);
    assert_string_equal(due(&f, STORE_EXPIRY_ACCOUNTS, &bounds, NULL), "");
    end(&f);
}

// ---- crowded mailboxes; the quota is 10 MiB ----

enum { PERCENT = 10 * 1024 * 1024 / 100 };

// `percent` messages of one percent each (and one octet, so that what should be above is), arrived `age` hours ago.
static void fill_percent(struct fixture *f, unsigned percent, int64_t age) {
    set_hour(HOUR - age);
    for (unsigned i = 0; i < percent; i++)
        deliver_octets(f, "a@example.org", PERCENT);
    set_hour(HOUR);
}

static void test_crowded(void **state) {
    const struct {
        unsigned old, young;
        uint64_t want; // messages removed
        int64_t want_rows;
    } cases[] = {
        {75, 0, 0, 0},                  // not above
        {76, 0, 6, 0},                  // down to 70
        {80, 0, 10, 0},  {4, 72, 4, 0}, // no more than there are of a day or older
        {0, 76, 0, 1},                  // all are young: looked at again
        {90, 10, 30, 0},                // full
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        begin(&f);
        make_account(&f, "a@example.org", NULL);
        fill_percent(&f, cases[i].old, 25);
        fill_percent(&f, cases[i].young, 24);
        struct store_expiry_bounds b = {.young_hour = HOUR - 25};
        uint64_t got = expire(&f, STORE_EXPIRY_QUOTA, &b);
        int64_t rows = fixture_number(&f, "SELECT count(*) FROM crowded");
        if (got != cases[i].want || rows != cases[i].want_rows)
            fail_msg("%u+%u: got %llu and %lld rows, want %llu and %lld", cases[i].old, cases[i].young,
                     (unsigned long long)got, (long long)rows, (unsigned long long)cases[i].want,
                     (long long)cases[i].want_rows);
        // The oldest went.
        assert_int_equal(fixture_number(&f, "SELECT ifnull(min(uid), 0) FROM entry"), got + 1);
        end(&f);
    }
}

// Its user deletes what came last, from `first_uid` on, after ten were found that should go.
static void relieve_meanwhile(uint32_t first_uid, uint64_t want_removed, int64_t want_left) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), inbox = mailbox_id(&f, a, "INBOX");
    fill_percent(&f, 80, 30);
    struct store_expiry_bounds b = {.young_hour = HOUR - 25};
    struct store_expiry_find *find;
    (void)due(&f, STORE_EXPIRY_QUOTA, &b, &find);
    assert_int_equal(find->ret_n, 10);
    struct store_uid_range range = {first_uid, 80};
    struct store_flags *flags = store_flags_new(inbox, &range, 1);
    flags->mode = STORE_FLAGS_ADD;
    flags->flags = STORE_FLAG_DELETED;
    assert_int_equal(run_and_free(&f, &flags->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expunge_new(inbox, NULL, 0)->op), STORE_OK);
    struct store_expiry_remove *r = store_expiry_remove_new(find->ret_items, find->ret_n);
    store_expiry_remove_relieve(r, find->ret_account_id, HOUR + 1);
    assert_int_equal(run_op(&f, &r->op), STORE_OK);
    assert_int_equal(r->ret_messages, want_removed);
    assert_int_equal(r->ret_done, 10);
    store_op_free(&r->op);
    store_op_free(&find->op);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), want_left);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM crowded"), 0);
    end(&f);
}

// Whoever makes room meanwhile keeps the old ones; who makes some loses no more than what is missing then.
static void test_relieved_meanwhile(void **state) {
    relieve_meanwhile(60, 0, 59);
    relieve_meanwhile(75, 4, 70);
}

// What another rule takes anyway is not taken twice, and counts towards the goal.
static void test_crowded_and_old(void **state) {
    struct fixture f;
    begin(&f);
    make_account(&f, "a@example.org", NULL);
    fill_percent(&f, 3, 100);
    fill_percent(&f, 75, 30);
    struct store_expiry_bounds b = {.mails_hour = HOUR - 100, .young_hour = HOUR - 25};
    assert_int_equal(expire(&f, STORE_EXPIRY_QUOTA, &b), 0); // 78 % with what goes: 75 %
    fill_percent(&f, 1, 30);
    b.mails_hour = HOUR - 1000;
    struct store_expiry_find *find = store_expiry_find_new(STORE_EXPIRY_QUOTA, &b);
    find->now_hour = HOUR; // its turn is in an hour
    assert_int_equal(run_op(&f, &find->op), STORE_OK);
    assert_int_equal(find->ret_account_id, 0);
    store_op_free(&find->op);
    assert_int_equal(expire(&f, STORE_EXPIRY_QUOTA, &b), 9);
    end(&f);
}

// ---- slices ----

// A slice ends by its octets as well; all of it comes to its end, whatever others do meanwhile.
static void test_slices(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    make_account(&f, "b@example.org", NULL);
    fill_percent(&f, 1, 50); // in a file
    for (int i = 0; i < 20; i++)
        deliver_octets(&f, "b@example.org", 60000);
    for (int i = 0; i < 300; i++)
        deliver_octets(&f, "a@example.org", 20);
    set_hour(HOUR + 100);
    struct store_expiry_bounds b = {.mails_hour = HOUR};
    struct store_expiry_find *find;
    (void)due(&f, STORE_EXPIRY_MAILS, &b, &find);
    assert_int_equal(find->ret_n, 256);
    assert_true(find->ret_more);
    struct store_expiry_remove *r = store_expiry_remove_new(find->ret_items, find->ret_n);
    assert_int_equal(run_op(&f, &r->op), STORE_OK);
    assert_true(r->ret_done == r->n_items || r->ret_octets >= STORE_EXPIRY_SLICE_OCTETS);
    store_op_free(&r->op);
    store_op_free(&find->op);
    while (expire(&f, STORE_EXPIRY_MAILS, &b) > 0)
        ;
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 0);
    assert_string_equal(describe(&f, a, "INBOX"), "302/0/0/0/0");
    end(&f);
}

// Mailboxes and messages that went meanwhile count as done.
static void test_gone_meanwhile(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    append(&f, a, "INBOX", "one", STORE_FLAG_DELETED, "");
    append(&f, a, "INBOX", "two", 0, "");
    struct store_expiry_bounds b = {.mails_hour = HOUR};
    struct store_expiry_find *find;
    (void)due(&f, STORE_EXPIRY_MAILS, &b, &find);
    assert_int_equal(run_and_free(&f, &store_expunge_new(mailbox_id(&f, a, "INBOX"), NULL, 0)->op), STORE_OK);
    struct store_expiry_remove *r = store_expiry_remove_new(find->ret_items, find->ret_n);
    assert_int_equal(run_op(&f, &r->op), STORE_OK);
    assert_int_equal(r->ret_done * 10 + r->ret_messages, 21);
    store_op_free(&r->op);
    r = store_expiry_remove_new(find->ret_items, find->ret_n);
    assert_int_equal(run_op(&f, &r->op), STORE_NOT_FOUND);
    assert_int_equal(r->ret_done, 2);
    store_op_free(&r->op);
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    r = store_expiry_remove_new(find->ret_items, find->ret_n);
    assert_int_equal(run_op(&f, &r->op), STORE_NOT_FOUND);
    store_op_free(&r->op);
    store_op_free(&find->op);
    end(&f);
}

// ---- the clock ----

static void test_clock(void **state) {
    struct fixture f;
    begin(&f);
    struct store_expiry_clock *k = store_expiry_clock_new();
    assert_int_equal(run_op(&f, &k->op), STORE_OK);
    assert_int_equal(k->ret_hour, -1);
    assert_int_equal(k->ret_newest_hour, 0);
    store_op_free(&k->op);
    make_account(&f, "a@example.org", NULL);
    set_hour(HOUR + 1);
    deliver_octets(&f, "a@example.org", 10);
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new(HOUR - 1 + i, 7)->op), STORE_OK);
    k = store_expiry_clock_new();
    assert_int_equal(run_op(&f, &k->op), STORE_OK);
    assert_int_equal(k->ret_hour, HOUR);
    assert_int_equal(k->ret_held_hours, 7);
    assert_int_equal(k->ret_newest_hour, HOUR + 1);
    store_op_free(&k->op);
    end(&f);
}

static void test_mend(void **state) {
    struct fixture f;
    begin(&f);
    make_account(&f, "a@example.org", NULL);
    deliver_octets(&f, "a@example.org", 10);
    set_hour(HOUR + 24);
    deliver_octets(&f, "a@example.org", 11);
    set_hour(HOUR + 10000);
    make_account(&f, "b@example.org", NULL);
    deliver_octets(&f, "a@example.org", 12);
    set_hour(HOUR);
    assert_int_equal(run_and_free(&f, &store_expiry_mend_new(HOUR)->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expiry_mend_new(HOUR)->op), STORE_NOT_FOUND);
    assert_int_equal(fixture_number(&f, "SELECT sum(hour) FROM entry") - 3 * HOUR, 24);
    assert_int_equal(fixture_number(&f, "SELECT sum(last_login_day) FROM account") - 2 * DAY, 0);
    end(&f);
}

// A crowded account whose turn was set by such a clock has it again.
static void test_mend_turn(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    fill_percent(&f, 80, 30);
    struct store_expiry_remove *r = store_expiry_remove_new(NULL, 0);
    store_expiry_remove_relieve(r, a, HOUR + 10000);
    assert_int_equal(run_and_free(&f, &r->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expiry_mend_new(HOUR)->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_expiry_mend_new(HOUR)->op), STORE_NOT_FOUND);
    assert_int_equal(fixture_number(&f, "SELECT max(next_hour) FROM crowded"), HOUR);
    end(&f);
}

// A machine without a clock of its own begins in 1970, or when its system was built, until it has asked for the time.
// What arrives meanwhile is no older than what came before.
static void test_slow_clock(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new(HOUR, 0)->op), STORE_OK);
    for (int64_t i = 0; i < 2; i++) { // also after a restart
        set_hour(5);
        deliver_octets(&f, "a@example.org", 100);
        append(&f, a, "INBOX", "early", 0, "");
        make_account(&f, i == 0 ? "new@example.org" : "newer@example.org", NULL);
        set_hour(HOUR + 1);
        struct store_expiry_bounds b = {.mails_hour = HOUR - 1, .login_day = DAY - 1};
        assert_string_equal(due(&f, STORE_EXPIRY_MAILS, &b, NULL), "");
        assert_string_equal(due(&f, STORE_EXPIRY_ACCOUNTS, &b, NULL), "");
        fixture_close(&f);
        fixture_open(&f);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry WHERE hour = 480010"), 4);
    // Once such a clock is believed, it counts.
    assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new(7, 0)->op), STORE_OK);
    set_hour(8);
    deliver_octets(&f, "a@example.org", 100);
    assert_int_equal(fixture_number(&f, "SELECT min(hour) FROM entry"), 8);
    end(&f);
}

// Who logs in under such a clock has logged in all the same.
static void test_login_by_slow_clock(void **state) {
    struct fixture f;
    begin(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(run_and_free(&f, &store_expiry_clock_keep_new(HOUR + 80 * 24, 0)->op), STORE_OK);
    set_hour(5);
    assert_int_equal(run_and_free(&f, &store_account_touch_new(a, clock_wall_day())->op), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT last_login_day FROM account"), DAY + 80);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mails),      cmocka_unit_test(test_arrival),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_crowded),    cmocka_unit_test(test_crowded_and_old),
        cmocka_unit_test(test_slices),     cmocka_unit_test(test_gone_meanwhile),
        cmocka_unit_test(test_clock),      cmocka_unit_test(test_mend),
        cmocka_unit_test(test_slow_clock), cmocka_unit_test(test_login_by_slow_clock),
        cmocka_unit_test(test_mend_turn),  cmocka_unit_test(test_relieved_meanwhile),
    };
    return cmocka_run_group_tests_name("store/expiry", tests, NULL, NULL);
}
