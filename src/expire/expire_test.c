// SPDX-License-Identifier: MIT
// Rounds over a real store, with a clock of the test's own: what goes when, what stays, what a kill in between leaves.
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
#include "base/metrics.h"
#include "config/config.h"
#include "expire/bounds.h"
#include "expire/expire.h"
#include "store/expiry_ops.h"
#include "store/test_support.h"

// Midnight of day 20000.
enum { DAY = 20000, HOUR = DAY * 24, LARGE = STORE_LARGE_OCTETS + 1 };

static uint64_t in_use; // account

static bool is_in_use(void *arg, uint64_t account_id) {
    return account_id == in_use;
}

static void set_second(int64_t s) {
    clock_set_fake(1000 * 1000000, s);
}

static void set_hour(int64_t hour) {
    set_second(hour * 3600);
}

struct stage {
    struct fixture f;
    struct config_holder *config;
};

static void begin(struct stage *st, const char *setting) {
    const char *settings[] = {setting, NULL};
    set_hour(HOUR);
    in_use = 0;
    fixture_init(&st->f);
    struct config *c = config_parse(SLICE("[params]\nmail_domain = example.org\n"), "test", settings, NULL, NULL);
    assert_non_null(c);
    st->config = config_holder_new(c);
}

static void end(struct stage *st) {
    fixture_done(&st->f);
    config_holder_free(st->config);
    clock_use_real();
}

// The relay has been running all the while: it knows the clock.
static void pass_to(struct stage *st, int64_t hour) {
    set_hour(hour);
    assert_int_equal(run_and_free(&st->f, &store_expiry_clock_keep_new(hour, 0)->op), STORE_OK);
}

static struct expire *start(struct stage *st) {
    struct expire *e = expire_new(&(struct expire_settings){
        .config = st->config, .store = st->f.store, .loop = st->f.loop, .is_in_use = is_in_use});
    expire_start(e);
    return e;
}

static void turn(struct stage *st) {
    loop_run_ready(st->f.loop);
    (void)nanosleep(&(struct timespec){.tv_nsec = 2 * 1000000}, NULL);
}

static void run_round(struct stage *st) {
    int64_t before = metrics_read("martlet_expiry_rounds");
    struct expire *e = start(st);
    for (int i = 0; i < 30000 && metrics_read("martlet_expiry_rounds") == before; i++)
        turn(st);
    assert_int_equal(metrics_read("martlet_expiry_rounds"), before + 1);
    expire_stop(e);
    expire_free(e);
}

static void deliver_octets(struct stage *st, const char *address, size_t len) {
    char *data = make_message(len, (unsigned)len);
    assert_int_equal(deliver(&st->f, address, data, len, NULL), STORE_DELIVERED);
    free(data);
}

static int64_t count(struct stage *st, const char *sql) {
    return fixture_number(&st->f, sql);
}

// ---- rules ----

static void test_age(void **state) {
    static const struct {
        const char *setting;
        int64_t age_s; // at the round
        int64_t want;
    } cases[] = {
        {NULL, 20 * 86400 - 3600, 1},                     // 20 days
        {NULL, 20 * 86400, 0},                            // never longer
        {"delete_mails_after=1", 3600, 1},                //
        {"delete_mails_after=1", 86400, 0},               //
        {"delete_mails_after=400", 40 * 86400 - 3600, 1}, // whatever is configured
        {"delete_mails_after=400", 40 * 86400, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage st;
        begin(&st, cases[i].setting);
        make_account(&st.f, "a@example.org", NULL);
        deliver_octets(&st, "a@example.org", 100);
        set_second(HOUR * 3600LL + cases[i].age_s);
        assert_int_equal(run_and_free(&st.f, &store_account_touch_new(1, DAY + cases[i].age_s / 86400)->op), STORE_OK);
        assert_int_equal(run_and_free(&st.f, &store_expiry_clock_keep_new(HOUR + cases[i].age_s / 3600, 0)->op),
                         STORE_OK);
        run_round(&st);
        int64_t got = count(&st, "SELECT count(*) FROM entry");
        if (got != cases[i].want)
            fail_msg("case %zu: got %lld, want %lld", i, (long long)got, (long long)cases[i].want);
        end(&st);
    }
}

static void test_large(void **state) {
    struct stage st;
    begin(&st, NULL);
    uint64_t inbox;
    make_account(&st.f, "a@example.org", &inbox);
    deliver_octets(&st, "a@example.org", LARGE);
    deliver_octets(&st, "a@example.org", LARGE);
    assert_int_equal(run_and_free(&st.f, &store_expiry_shown_new(inbox, 1)->op), STORE_OK);
    assert_int_equal(run_and_free(&st.f, &store_account_touch_new(1, DAY + 7)->op), STORE_OK);
    pass_to(&st, HOUR + 7 * 24 - 1);
    run_round(&st);
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 2);
    pass_to(&st, HOUR + 7 * 24);
    run_round(&st);
    assert_int_equal(count(&st, "SELECT count(*) * 10 + uid FROM entry"), 12);
    end(&st);
}

static void test_accounts(void **state) {
    struct stage st;
    begin(&st, NULL);
    make_account(&st.f, "gone@example.org", NULL);
    in_use = make_account(&st.f, "connected@example.org", NULL);
    make_account(&st.f, "back@example.org", NULL);
    deliver_octets(&st, "gone@example.org", 100);
    // Day 90 has to be over: 90 whole days without a login.
    pass_to(&st, HOUR + 91 * 24 - 1);
    assert_int_equal(run_and_free(&st.f, &store_account_touch_new(3, DAY + 88)->op), STORE_OK);
    run_round(&st);
    assert_int_equal(count(&st, "SELECT count(*) FROM account"), 3);
    pass_to(&st, HOUR + 91 * 24);
    int64_t before = metrics_read("martlet_expired_accounts");
    run_round(&st);
    assert_int_equal(metrics_read("martlet_expired_accounts") - before, 1);
    fixture_wait_deleted(&st.f);
    assert_int_equal(count(&st, "SELECT count(*) FROM account"), 2);
    assert_int_equal(count(&st, "SELECT count(*) FROM mailbox"), 2);
    assert_int_equal(count(&st, "SELECT last_login_day FROM account WHERE id = 2"), DAY + 91);
    end(&st);
}

static void test_crowded(void **state) {
    struct stage st;
    begin(&st, NULL);
    make_account(&st.f, "a@example.org", NULL);
    for (int i = 0; i < 80; i++)
        deliver_octets(&st, "a@example.org", 10 * 1024 * 1024 / 100);
    pass_to(&st, HOUR + 24);
    run_round(&st); // nothing is older than a day for certain
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 80);
    pass_to(&st, HOUR + 25);
    run_round(&st);
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 70);
    assert_int_equal(count(&st, "SELECT min(uid) FROM entry"), 11);
    assert_int_equal(count(&st, "SELECT count(*) FROM crowded"), 0);
    end(&st);
}

// ---- the dry run ----

struct total {
    uint64_t messages, octets, accounts;
};

// As the operator's command adds up.
static struct total dry_run(struct stage *st, enum store_expiry_rule rule, const struct store_expiry_bounds *b) {
    struct total t = {0};
    struct store_expiry_item after = {.time = INT64_MIN};
    for (bool more = true; more;) {
        struct store_expiry_find *f = store_expiry_find_new(rule, b);
        f->after = after;
        f->max = 7;
        assert_int_equal(run_op(&st->f, &f->op), STORE_OK);
        for (size_t i = 0; i < f->ret_n; i++) {
            t.messages += f->ret_items[i].messages;
            t.octets += f->ret_items[i].octets;
            t.accounts += f->ret_items[i].uid == 0;
        }
        after = f->ret_after;
        more = f->ret_more;
        store_op_free(&f->op);
    }
    return t;
}

static int64_t counted(const char *name, size_t rule) {
    int64_t n;
    const struct metric *m = metrics_find(name);
    return m != NULL && metric_read(m, rule, &n) ? n : 0;
}

// Every rule has something, and some messages would be due by several.
static void fill_mixed(struct stage *st) {
    static const char *const names[] = {"idle@example.org", "full@example.org", "large@example.org"};
    uint64_t inboxes[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make_account(&st->f, names[i], &inboxes[i]);
    for (int64_t day = 0; day < 24; day++) {
        set_hour(HOUR + day * 24);
        deliver_octets(st, names[0], 1000 + (size_t)day);
        for (int i = 0; i < 4; i++)
            deliver_octets(st, names[1], 10 * 1024 * 1024 / 100);
        deliver_octets(st, names[2], day % 2 == 0 ? LARGE : 500);
        assert_int_equal(run_and_free(&st->f, &store_account_touch_new(2, DAY + day)->op), STORE_OK);
        assert_int_equal(run_and_free(&st->f, &store_account_touch_new(3, DAY + day)->op), STORE_OK);
    }
    assert_int_equal(run_and_free(&st->f, &store_expiry_shown_new(inboxes[2], 21)->op), STORE_OK);
}

static void test_dry_run(void **state) {
    struct stage st;
    begin(&st, "delete_inactive_users_after=22");
    fill_mixed(&st);
    pass_to(&st, HOUR + 24 * 24);
    const struct config *c = config_acquire(st.config);
    struct store_expiry_bounds b;
    expire_bounds(c, HOUR + 24 * 24, &b);
    config_release(st.config, c);
    struct total said[STORE_EXPIRY_RULES];
    int64_t messages[STORE_EXPIRY_RULES], octets[STORE_EXPIRY_RULES];
    int64_t accounts = metrics_read("martlet_expired_accounts");
    for (size_t i = 0; i < STORE_EXPIRY_RULES; i++) {
        said[i] = dry_run(&st, (enum store_expiry_rule)i, &b);
        messages[i] = counted("martlet_expired_messages", i);
        octets[i] = counted("martlet_expired_bytes", i);
        assert_true(said[i].messages > 0);
    }
    run_round(&st);
    for (size_t i = 0; i < STORE_EXPIRY_RULES; i++) {
        int64_t m = counted("martlet_expired_messages", i) - messages[i];
        int64_t o = counted("martlet_expired_bytes", i) - octets[i];
        if (m != (int64_t)said[i].messages || o != (int64_t)said[i].octets)
            fail_msg("rule %zu: said %llu messages of %llu octets, removed %lld of %lld", i,
                     (unsigned long long)said[i].messages, (unsigned long long)said[i].octets, (long long)m,
                     (long long)o);
        assert_int_equal(dry_run(&st, (enum store_expiry_rule)i, &b).messages, 0);
    }
    assert_int_equal(said[STORE_EXPIRY_ACCOUNTS].accounts, 1);
    assert_int_equal(metrics_read("martlet_expired_accounts") - accounts, 1);
    fixture_wait_deleted(&st.f);
    end(&st);
}

// ---- slices ----

static void fill_many(struct stage *st, uint64_t account, unsigned many) {
    uint32_t uid = append(&st->f, account, "INBOX", "one of many", 0, "");
    uint64_t inbox = mailbox_id(&st->f, account, "INBOX");
    struct store_uid_range range = {uid, uid};
    for (unsigned n = 1; n < many; n *= 2) {
        assert_int_equal(run_and_free(&st->f, &store_copy_new(account, inbox, &range, 1, SLICE("INBOX"), false)->op),
                         STORE_OK);
        range.last = uid + 2 * n - 1;
    }
}

static void test_many(void **state) {
    struct stage st;
    begin(&st, NULL);
    uint64_t a = make_account(&st.f, "a@example.org", NULL);
    fill_many(&st, a, 1000);
    pass_to(&st, HOUR + 20 * 24);
    int64_t before = metrics_read_sum("martlet_expired_messages");
    struct expire *e = start(&st);
    // Stopped in between, and mail comes all the time.
    while (count(&st, "SELECT count(*) FROM entry") == 1024)
        turn(&st);
    expire_stop(e);
    expire_free(e);
    assert_true(count(&st, "SELECT count(*) FROM entry") > 0);
    deliver_octets(&st, "a@example.org", 100);
    run_round(&st);
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 1);
    assert_true(metrics_read_sum("martlet_expired_messages") - before >= 1024 - STORE_EXPIRY_SLICE_MAX);
    end(&st);
}

static _Noreturn void child(struct stage *st) {
    st->f.loop = loop_new();
    fixture_open(&st->f);
    (void)start(st);
    for (;;)
        turn(st);
}

// Killed at any instant: no counter differs, nothing is half gone, and the next round goes on.
static void test_killed(void **state) {
    int64_t left_sum = 0;
    for (long i = 0; i < 8; i++) {
        struct stage st;
        begin(&st, NULL);
        uint64_t a = make_account(&st.f, "a@example.org", NULL);
        fill_many(&st, a, 1000);
        pass_to(&st, HOUR + 20 * 24);
        fixture_close(&st.f);
        loop_free(st.f.loop);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(&st);
        (void)nanosleep(&(struct timespec){.tv_nsec = (60 + i * 40) * 1000000}, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        st.f.loop = loop_new();
        int n;
        assert_string_equal(fixture_verify(&st.f, &n), "");
        left_sum += count(&st, "SELECT count(*) FROM entry");
        fixture_open(&st.f);
        run_round(&st);
        assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 0);
        end(&st);
    }
    print_message("# killed: %lld of %d messages were left\n", (long long)left_sum, 8 * 1024);
}

// ---- the clock ----

// A clock three years ahead wipes nothing; one that is right again dates what came meanwhile.
static void test_jump(void **state) {
    struct stage st;
    begin(&st, NULL);
    uint64_t a = make_account(&st.f, "a@example.org", NULL);
    deliver_octets(&st, "a@example.org", 100);
    run_round(&st);
    set_hour(HOUR + 3 * 365 * 24);
    run_round(&st);
    deliver_octets(&st, "a@example.org", 101);
    assert_int_equal(run_and_free(&st.f, &store_account_touch_new(a, DAY + 3 * 365)->op), STORE_OK);
    run_round(&st);
    assert_int_equal(metrics_read("martlet_expiry_clock_doubted"), 1);
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 2);
    set_hour(HOUR + 5);
    run_round(&st);
    assert_int_equal(metrics_read("martlet_expiry_clock_doubted"), 0);
    assert_int_equal(count(&st, "SELECT max(hour) FROM entry"), HOUR + 5);
    assert_int_equal(count(&st, "SELECT last_login_day FROM account"), DAY);
    assert_int_equal(count(&st, "SELECT value FROM meta WHERE name = 'expiry_hour'"), HOUR + 5);
    end(&st);
}

// A clock that begins in 1970 at a restart, for more than a day: nothing is dated anew by it, and what came meanwhile
// is there when the clock is right again.
static void test_behind(void **state) {
    struct stage st;
    begin(&st, NULL);
    make_account(&st.f, "a@example.org", NULL);
    deliver_octets(&st, "a@example.org", 100);
    run_round(&st);
    assert_int_equal(run_and_free(&st.f, &store_expiry_clock_keep_new(HOUR + 30, -30)->op), STORE_OK);
    set_hour(30);
    run_round(&st);
    assert_int_equal(metrics_read("martlet_expiry_clock_doubted"), 1);
    deliver_octets(&st, "a@example.org", 101);
    make_account(&st.f, "b@example.org", NULL);
    run_round(&st);
    set_hour(HOUR + 31);
    run_round(&st);
    assert_int_equal(metrics_read("martlet_expiry_clock_doubted"), 0);
    assert_int_equal(count(&st, "SELECT count(*) FROM account"), 2);
    assert_int_equal(count(&st, "SELECT min(last_login_day) FROM account"), DAY);
    assert_int_equal(count(&st, "SELECT count(*) FROM entry"), 2);
    assert_int_equal(count(&st, "SELECT min(hour) FROM entry"), HOUR);
    end(&st);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age),     cmocka_unit_test(test_large),   cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_crowded), cmocka_unit_test(test_many),    cmocka_unit_test(test_killed),
        cmocka_unit_test(test_jump),    cmocka_unit_test(test_dry_run), cmocka_unit_test(test_behind),
    };
    return cmocka_run_group_tests_name("expire", tests, NULL, NULL);
}
