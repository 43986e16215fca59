// SPDX-License-Identifier: MIT
// What the operator sees of the queue and does to it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/queue_support.h"
#include "store/store_internal.h"

enum { NOW = 1800000000 };

static void init(struct fixture *f) {
    clock_set_fake(1000000, NOW);
    fixture_init(f);
}

static enum store_status retry(struct fixture *f, const char *destination, int64_t now, uint64_t *ret_dues) {
    struct store_queue_retry *r = store_queue_retry_new(slice_from_cstr(destination), now);
    enum store_status status = run_op(f, &r->op);
    *ret_dues = r->ret_dues;
    store_op_free(&r->op);
    return status;
}

static void test_list_pages(void **state) {
    struct fixture f;
    init(&f);
    for (unsigned i = 0; i < 25; i++) {
        char recipient[64];
        (void)snprintf(recipient, sizeof(recipient), "a@d%02u.net", i * 7 % 25);
        send_letter(&f, 0, recipient);
    }
    char after[64] = "";
    unsigned n = 0;
    for (bool more = true; more;) {
        struct store_queue_list *l = store_queue_list_new(slice_from_cstr(after), 10);
        assert_int_equal(run_op(&f, &l->op), STORE_OK);
        assert_int_equal(l->ret_n, n < 20 ? 10 : 5);
        for (size_t i = 0; i < l->ret_n; i++) {
            char want[64];
            (void)snprintf(want, sizeof(want), "d%02u.net", n++);
            assert_string_equal(l->ret_destinations[i].name, want);
            assert_int_equal(l->ret_destinations[i].oldest, NOW);
        }
        (void)snprintf(after, sizeof(after), "%s", l->ret_destinations[l->ret_n - 1].name);
        more = l->ret_more;
        store_op_free(&l->op);
    }
    assert_int_equal(n, 25);
    fixture_done(&f);
}

// An operator reads why mail waits, also where the hosts answer and put off one letter or another.
static void test_list_tells_why(void **state) {
    static const char *const want[] = {"450 not today", "no route", ""};
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    uint64_t first = send_letter(&f, a, "a@a.net b@b.net c@c.net"), second = send_letter(&f, a, "a@a.net b@b.net");
    assert_int_equal(settle(&f, first, "a@a.net", NOW + 300, "450 not now"), STORE_OK);
    assert_int_equal(settle(&f, second, "a@a.net", NOW + 400, "450 not today"), STORE_OK);
    assert_int_equal(defer(&f, "b.net", NOW, NOW + 30, "no route"), STORE_OK);
    struct store_queue_list *l = store_queue_list_new(SLICE(""), 10);
    assert_int_equal(run_op(&f, &l->op), STORE_OK);
    assert_int_equal(l->ret_n, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(l->ret_destinations[i].last_error, want[i]);
    store_op_free(&l->op);
    fixture_done(&f);
}

static void test_show_pages(void **state) {
    struct fixture f;
    init(&f);
    uint64_t ids[25], a = make_account(&f, "a@example.org", NULL);
    for (unsigned i = 0; i < 25; i++) {
        clock_set_fake(1000000, NOW + i / 7);
        ids[i] = send_letter(&f, a, "a@x.net b@x.net");
    }
    assert_int_equal(settle(&f, ids[0], "a@x.net", NOW + 300, "450 not now"), STORE_OK);
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 30, "no route"), STORE_OK);
    int64_t after_created = 0;
    uint64_t after_id = 0;
    unsigned n = 0;
    for (bool more = true; more;) {
        struct store_queue_show *s = store_queue_show_new(SLICE("x.net"), 10);
        s->after_created = after_created;
        s->after_id = after_id;
        assert_int_equal(run_op(&f, &s->op), STORE_OK);
        assert_string_equal(s->ret_destination.last_error, "no route");
        assert_int_equal(s->ret_destination.recipients, 49);
        for (size_t i = 0; i < s->ret_n; i++) {
            const struct store_due *d = &s->ret_dues[i];
            assert_int_equal(d->id, ids[n]);
            assert_int_equal(d->n_recipients, n == 0 ? 1 : 2);
            assert_string_equal(d->last_reply, n == 0 ? "450 not now" : "");
            assert_string_equal(d->reverse_path, "a@example.org");
            assert_null(d->prefix);
            assert_int_equal(d->prefix_len, 19);
            static const uint8_t no_key[32];
            assert_memory_equal(d->body_key, no_key, 32);
            n++;
        }
        after_created = s->ret_dues[s->ret_n - 1].created;
        after_id = s->ret_dues[s->ret_n - 1].id;
        more = s->ret_more;
        store_op_free(&s->op);
    }
    assert_int_equal(n, 25);
    assert_int_equal(run_and_free(&f, &store_queue_show_new(SLICE("y.net"), 10)->op), STORE_NOT_FOUND);
    fixture_done(&f);
}

static void test_retry(void **state) {
    struct fixture f;
    init(&f);
    uint64_t n, x = send_letter(&f, 0, "a@x.net"), y = send_letter(&f, 0, "a@y.net");
    send_letter(&f, 0, "b@x.net");
    assert_int_equal(settle(&f, x, "a@x.net", NOW + 500, "450"), STORE_OK);
    assert_int_equal(settle(&f, y, "a@y.net", NOW + 600, "450"), STORE_OK);
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 700, "refused"), STORE_OK);
    assert_int_equal(retry(&f, "x.net", NOW + 1, &n), STORE_OK);
    assert_int_equal(n, 2); // the one that waited for the destination alone, too
    assert_string_equal(list_text(&f), "x.net 2/2/68 next=1800000000 failed=1 since=1800000000 until=0 refused;"
                                       "y.net 1/1/34 next=1800000600;");
    assert_string_equal(load_text(&f, "x.net", NOW + 1, 9), "b@x.net;a@x.net attempts=1 reply=450;");
    assert_int_equal(retry(&f, "", NOW + 2, &n), STORE_OK);
    assert_int_equal(n, 3);
    assert_string_equal(load_text(&f, "y.net", NOW + 2, 9), "a@y.net attempts=1 reply=450;");
    assert_int_equal(retry(&f, "z.net", NOW + 2, &n), STORE_NOT_FOUND);
    // A name that is too long is not "all".
    char name[300];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(retry(&f, name, NOW + 2, &n), STORE_NOT_FOUND);
    fixture_done(&f);
}

// More than goes in one piece.
static void test_pieces(void **state) {
    enum { MANY = 5000 };
    struct fixture f;
    init(&f);
    uint64_t n;
    send_letter(&f, 0, "a@x.net");
    send_letter(&f, 0, "b@y.net");
    fixture_close(&f);
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   "INSERT INTO due(letter_id, destination_id, created, next_at, attempts, reply, n_recipients,"
                   " recipients) SELECT 1, 1, %d, %d + i %% 50, 1, '450', 1, 'a@x.net' || char(10) FROM n;"
                   "UPDATE letter SET dues = dues + %d WHERE id = 1;"
                   "UPDATE destination SET dues = dues + %d, recipients = recipients + %d, octets = octets + 34 * %d"
                   " WHERE id = 1; UPDATE queue SET dues = dues + %d, recipients = recipients + %d",
                   MANY, NOW, NOW + 100, MANY, MANY, MANY, MANY, MANY, MANY);
    fixture_sql(&f, sql);
    int problems;
    assert_string_equal(fixture_verify(&f, &problems), "");
    fixture_open(&f);
    uint64_t commits = store_test_commits(f.store);
    assert_int_equal(retry(&f, "", NOW + 1, &n), STORE_OK);
    assert_int_equal(n, MANY + 2);
    assert_int_equal(store_test_commits(f.store), commits + 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM due WHERE next_at > 1800000001"), 0);
    fixture_done(&f);
}

static int teardown(void **state) {
    clock_use_real();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_pages), cmocka_unit_test(test_list_tells_why), cmocka_unit_test(test_show_pages),
        cmocka_unit_test(test_retry),      cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests_name("store/queue_operator", tests, NULL, teardown);
}
