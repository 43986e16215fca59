// SPDX-License-Identifier: MIT
// Letters in the queue: what of them is found when, and how they go.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/account_ops.h"
#include "store/queue_support.h"
#include "store/store_internal.h"

enum { NOW = 1800000000 };

static void set_now(int64_t now) {
    clock_set_fake(1000000, now);
}

static void init(struct fixture *f) {
    set_now(NOW);
    fixture_init(f);
}

// ---- loading and settling ----

static void test_order(void **state) {
    struct fixture f;
    init(&f);
    uint64_t ids[5];
    static const char *const recipients[] = {"a@x.net", "b@x.net", "c@x.net", "d@x.net", "e@x.net"};
    for (size_t i = 0; i < 5; i++) {
        set_now(NOW + (int64_t)i);
        ids[i] = send_letter(&f, 0, recipients[i]);
    }
    assert_string_equal(load_text(&f, "x.net", NOW + 4, 3), "a@x.net;b@x.net;c@x.net; more");
    assert_string_equal(load_text(&f, "x.net", NOW + 4, 5), "a@x.net;b@x.net;c@x.net;d@x.net;e@x.net;");
    assert_string_equal(load_text(&f, "x.net", NOW + 2, 5), "a@x.net;b@x.net;c@x.net; next=1800000003");
    assert_int_equal(settle(&f, ids[0], "a@x.net", NOW + 300, "450 later"), STORE_OK);
    assert_int_equal(settle(&f, ids[2], "c@x.net", NOW + 200, "451 later"), STORE_OK);
    assert_string_equal(load_text(&f, "x.net", NOW + 4, 5), "b@x.net;d@x.net;e@x.net; next=1800000200");
    assert_string_equal(load_text(&f, "x.net", NOW + 250, 5),
                        "b@x.net;d@x.net;e@x.net;c@x.net attempts=1 reply=451 later; next=1800000300");
    set_now(NOW + 250);
    send_letter(&f, 0, "f@x.net");
    assert_string_equal(load_text(&f, "x.net", INT64_MAX, 6),
                        "b@x.net;d@x.net;e@x.net;c@x.net attempts=1 reply=451 later;f@x.net;"
                        "a@x.net attempts=1 reply=450 later;");
    // Those under way are passed over and do not count.
    struct store_queue_load *l = store_queue_load_new(SLICE("x.net"), NOW + 250, 2);
    store_queue_load_skip(l, ids[4]);
    store_queue_load_skip(l, ids[1]);
    assert_int_equal(run_op(&f, &l->op), STORE_OK);
    assert_int_equal(l->ret_n, 2);
    assert_true(l->ret_more);
    assert_int_equal(l->ret_dues[0].id, ids[3]);
    assert_int_equal(l->ret_dues[1].id, ids[2]);
    store_op_free(&l->op);
    l = store_queue_load_new(SLICE("x.net"), NOW + 250, 6);
    l->max_octets = 2 * (19 + 8); // prefix and recipients
    assert_int_equal(run_op(&f, &l->op), STORE_OK);
    assert_int_equal(l->ret_n, 2);
    assert_true(l->ret_more);
    store_op_free(&l->op);
    fixture_done(&f);
}

// Outcomes for each recipient, and what they leave in the numbers.
static void test_settle(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    uint64_t id = send_letter(&f, a, "b@x.net c@x.net d@x.net");
    uint64_t other = send_letter(&f, a, "b@y.net");
    assert_int_equal(settle(&f, id, "b@x.net d@x.net", NOW + 300, "451 4.7.1 later"), STORE_OK);
    assert_string_equal(list_text(&f), "x.net 1/2/34 next=1800000300;y.net 1/1/34 next=1800000000;");
    assert_string_equal(load_text(&f, "x.net", NOW + 300, 9), "b@x.net,d@x.net attempts=1 reply=451 4.7.1 later;");
    assert_int_equal(fixture_number(&f, "SELECT recipients FROM sender"), 3);
    assert_int_equal(settle(&f, id, "d@x.net", NOW + 700, "452 full"), STORE_OK);
    assert_string_equal(load_text(&f, "x.net", NOW + 700, 9), "d@x.net attempts=2 reply=452 full;");
    // More than were there is a mistake of the caller.
    assert_int_equal(settle(&f, id, "d@x.net e@x.net", NOW + 700, ""), STORE_INVALID);
    assert_int_equal(settle(&f, id, NULL, 0, ""), STORE_OK);
    assert_string_equal(total_text(&f), "1/1/1/1/34");

    // Several at once; one is gone.
    uint64_t third = send_letter(&f, a, "b@z.net");
    struct store_queue_settle *s = store_queue_settle_new();
    (void)store_queue_settle_add(s, other);
    (void)store_queue_settle_add(s, id);
    size_t i = store_queue_settle_add(s, third);
    store_queue_settle_keep(s, i, SLICE("b@z.net"), NOW + 50, SLICE("421"));
    uint64_t commits = store_test_commits(f.store);
    assert_int_equal(run_op(&f, &s->op), STORE_OK);
    assert_int_equal(store_test_commits(f.store), commits + 1);
    assert_true(s->dues[0].ret_found && !s->dues[1].ret_found && s->dues[2].ret_found);
    store_op_free(&s->op);
    assert_string_equal(list_text(&f), "z.net 1/1/34 next=1800000050;");

    // A failed commit leaves all as it was.
    store_test_fail_next_commit(f.store, STORE_FULL);
    assert_int_equal(settle(&f, third, NULL, 0, ""), STORE_FULL);
    assert_string_equal(list_text(&f), "z.net 1/1/34 next=1800000050;");
    assert_int_equal(settle(&f, third, NULL, 0, ""), STORE_OK);
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    fixture_done(&f);
}

// Tells whether something was written.
static uint64_t log_sum(struct fixture *f) {
    char path[128], octets[4096];
    (void)snprintf(path, sizeof(path), "%s/martlet.db-wal", f->dir);
    FILE *log = fopen(path, "rb");
    assert_non_null(log);
    uint64_t sum = 0;
    for (size_t n; (n = fread(octets, 1, sizeof(octets), log)) > 0;)
        for (size_t i = 0; i < n; i++)
            sum = sum * 31 + (uint8_t)octets[i];
    assert_int_equal(fclose(log), 0);
    return sum;
}

static void test_destinations(void **state) {
    struct fixture f;
    init(&f);
    send_letter(&f, 0, "a@x.net");
    send_letter(&f, 0, "b@x.net");
    set_now(NOW + 1);
    uint64_t id = send_letter(&f, 0, "a@y.net");
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 300, "connection refused"), STORE_OK);
    assert_int_equal(defer(&f, "x.net", NOW + 300, NOW + 900, "timed out"), STORE_OK);
    assert_int_equal(defer(&f, "none.net", NOW, NOW + 300, "x"), STORE_NOT_FOUND);
    assert_string_equal(list_text(&f), "x.net 2/2/68 next=1800000900 failed=2 since=1800000000 until=1800000900 timed "
                                       "out;y.net 1/1/34 next=1800000001;");
    send_letter(&f, 0, "c@x.net"); // does not bring it forward

    struct store_queue_destinations *q = store_queue_destinations_new(NOW + 1, 10);
    assert_int_equal(run_op(&f, &q->op), STORE_OK);
    assert_int_equal(q->ret_n, 1);
    assert_string_equal(q->ret_destinations[0].name, "y.net");
    assert_int_equal(q->ret_next_at, NOW + 900);
    store_op_free(&q->op);
    assert_int_equal(settle(&f, id, "a@y.net", NOW + 2000, "450"), STORE_OK);

    q = store_queue_destinations_new(NOW + 2000, 1);
    assert_int_equal(run_op(&f, &q->op), STORE_OK);
    assert_int_equal(q->ret_n, 1);
    assert_true(q->ret_more);
    assert_string_equal(q->ret_destinations[0].name, "x.net");
    assert_int_equal(q->ret_destinations[0].oldest, NOW);
    struct store_queue_destinations *next = store_queue_destinations_new(NOW + 2000, 1);
    next->after_next_at = q->ret_destinations[0].next_at;
    (void)snprintf(next->after_name, sizeof(next->after_name), "%s", q->ret_destinations[0].name);
    store_op_free(&q->op);
    assert_int_equal(run_op(&f, &next->op), STORE_OK);
    assert_int_equal(next->ret_n, 1);
    assert_false(next->ret_more);
    assert_int_equal(next->ret_next_at, 0);
    assert_string_equal(next->ret_destinations[0].name, "y.net");
    store_op_free(&next->op);

    assert_int_equal(run_and_free(&f, &store_queue_alive_new(SLICE("x.net"))->op), STORE_OK);
    assert_string_equal(list_text(&f), "x.net 3/3/102 next=1800000000;y.net 1/1/34 next=1800002000;");
    uint64_t sum = log_sum(&f);
    assert_int_equal(run_and_free(&f, &store_queue_alive_new(SLICE("x.net"))->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_queue_alive_new(SLICE("none.net"))->op), STORE_OK);
    assert_int_equal(log_sum(&f), sum);
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 300, "refused"), STORE_OK);
    assert_int_not_equal(log_sum(&f), sum);
    fixture_done(&f);
}

static void test_settle_alive(void **state) {
    struct fixture f;
    init(&f);
    uint64_t first = send_letter(&f, 0, "a@x.net");
    uint64_t second = send_letter(&f, 0, "b@x.net");
    uint64_t elsewhere = send_letter(&f, 0, "b@y.net");
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 300, "refused"), STORE_OK);
    assert_int_equal(defer(&f, "y.net", NOW, NOW + 300, "refused"), STORE_OK);
    struct store_queue_settle *s = store_queue_settle_new();
    s->alive = true;
    (void)store_queue_settle_add(s, first);
    assert_int_equal(run_and_free(&f, &s->op), STORE_OK);
    assert_string_equal(list_text(&f), "x.net 1/1/34 next=1800000000;y.net 1/1/34 next=1800000300 failed=1 "
                                       "since=1800000000 until=1800000300 refused;");
    assert_int_equal(settle(&f, second, NULL, 0, ""), STORE_OK);
    assert_int_equal(settle(&f, elsewhere, NULL, 0, ""), STORE_OK);
    assert_string_equal(list_text(&f), "");
    fixture_done(&f);
}

// ---- bounces ----

static void reopen(struct fixture *f, uint64_t dues, uint64_t per_sender, uint64_t octets) {
    const char *error;
    fixture_close(f);
    struct store_settings settings = {.dir = f->dir,
                                      .mailbox_quota = 1 << 20,
                                      .n_readers = 1,
                                      .queue_dues = dues,
                                      .queue_per_sender = per_sender,
                                      .queue_octets = octets};
    f->store = store_open(&settings, &error);
    assert_non_null(f->store);
}

static struct store_deliver *make_bounce(struct fixture *f, uint8_t seed) {
    uint8_t dedup[32] = {0xb0, seed};
    return store_deliver_new(make_body(f, "it failed", 9), dedup);
}

static void test_bounce(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    uint64_t id = send_letter(&f, a, "b@x.net c@x.net");
    (void)fixture_changes(&f);
    struct store_queue_settle *s = store_queue_settle_new();
    size_t i = store_queue_settle_add(s, id);
    store_queue_settle_keep(s, i, SLICE("c@x.net"), NOW + 300, SLICE("450"));
    struct store_deliver *bounce = make_bounce(&f, 1);
    store_deliver_add_account(bounce, a);
    store_queue_settle_bounce(s, i, bounce);
    uint64_t commits = store_test_commits(f.store);
    assert_int_equal(run_op(&f, &s->op), STORE_OK);
    assert_int_equal(store_test_commits(f.store), commits + 1);
    assert_int_equal(bounce->deliveries[0].ret_outcome, STORE_DELIVERED);
    store_op_free(&s->op);
    assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/9");
    assert_string_equal(fixture_changes(&f), "added 1:1 origin=0;");

    // To another relay, beyond the bounds; and one for a row that is gone is not sent.
    reopen(&f, 1, 1, 1);
    s = store_queue_settle_new();
    bounce = make_bounce(&f, 2);
    store_deliver_add_remote(bounce, SLICE("x.net"), SLICE("sender@x.net"));
    store_deliver_set_letter(bounce, SLICE("DKIM-Signature: y\r\n"), SLICE_EMPTY, 1);
    store_queue_settle_bounce(s, store_queue_settle_add(s, id), bounce);
    bounce = make_bounce(&f, 3);
    store_deliver_add_remote(bounce, SLICE("y.net"), SLICE("sender@y.net"));
    store_deliver_set_letter(bounce, SLICE_EMPTY, SLICE_EMPTY, 1);
    store_queue_settle_bounce(s, store_queue_settle_add(s, id), bounce);
    assert_int_equal(run_and_free(&f, &s->op), STORE_OK);
    assert_string_equal(list_text(&f), "x.net 1/1/28 next=1800000000;");
    assert_string_equal(load_text(&f, "x.net", NOW, 2), "sender@x.net;");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 2);
    fixture_done(&f);
}

// The bounce and the removal are one: neither without the other.
static void test_bounce_fails(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    uint64_t id = send_letter(&f, a, "b@x.net");
    struct store_queue_settle *s = store_queue_settle_new();
    struct store_deliver *bounce = make_bounce(&f, 1);
    store_deliver_add_account(bounce, a);
    store_queue_settle_bounce(s, store_queue_settle_add(s, id), bounce);
    store_test_fail_next_commit(f.store, STORE_FULL);
    assert_int_equal(run_and_free(&f, &s->op), STORE_FULL);
    assert_string_equal(describe(&f, a, "INBOX"), "1/0/0/0/0");
    assert_string_equal(total_text(&f), "1/1/1/1/34");

    // Nobody gets the bounce who has only the address of one who is gone.
    assert_int_equal(run_and_free(&f, &store_account_delete_new(a)->op), STORE_OK);
    uint64_t heir = make_account(&f, "a@example.org", NULL);
    struct store_queue_find *find = store_queue_find_new(id);
    assert_int_equal(run_op(&f, &find->op), STORE_OK);
    assert_int_equal(find->ret_due.sender_id, 0);
    assert_string_equal(find->ret_due.reverse_path, "a@example.org");
    store_op_free(&find->op);
    s = store_queue_settle_new();
    bounce = make_bounce(&f, 1);
    store_deliver_add_account(bounce, a);
    store_queue_settle_bounce(s, store_queue_settle_add(s, id), bounce);
    assert_int_equal(run_op(&f, &s->op), STORE_OK);
    assert_int_equal(bounce->deliveries[0].ret_outcome, STORE_UNKNOWN);
    store_op_free(&s->op);
    assert_string_equal(describe(&f, heir, "INBOX"), "1/0/0/0/0");
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    fixture_done(&f);
}

// ---- time ----

static void test_expired(void **state) {
    struct fixture f;
    init(&f);
    uint64_t ids[4];
    static const char *const recipients[] = {"a@y.net", "a@x.net", "b@y.net", "b@x.net"};
    for (size_t i = 0; i < 4; i++) {
        set_now(NOW + (int64_t)i * 100);
        ids[i] = send_letter(&f, 0, recipients[i]);
    }
    struct store_queue_expired *e = store_queue_expired_new(NOW, 10);
    assert_int_equal(run_op(&f, &e->op), STORE_OK);
    assert_int_equal(e->ret_n, 0);
    assert_int_equal(e->ret_oldest, NOW);
    store_op_free(&e->op);
    e = store_queue_expired_new(NOW + 201, 2);
    assert_int_equal(run_op(&f, &e->op), STORE_OK);
    assert_int_equal(e->ret_n, 2);
    assert_true(e->ret_more);
    assert_int_equal(e->ret_dues[0].id, ids[0]);
    assert_int_equal(e->ret_dues[1].id, ids[2]);
    assert_string_equal(e->ret_dues[1].destination, "y.net");
    store_op_free(&e->op);
    e = store_queue_expired_new(NOW + 201, 10);
    store_queue_expired_skip(e, ids[2]);
    store_queue_expired_skip(e, ids[0]);
    assert_int_equal(run_op(&f, &e->op), STORE_OK);
    assert_int_equal(e->ret_n, 1);
    assert_false(e->ret_more);
    assert_int_equal(e->ret_dues[0].id, ids[1]);
    store_op_free(&e->op);
    fixture_done(&f);
}

// Times of a clock that was wrong, found at the next start.
static void test_wrong_clock(void **state) {
    struct fixture f;
    init(&f);
    uint64_t id = send_letter(&f, 0, "a@x.net b@y.net");
    send_letter(&f, 0, "c@x.net");
    assert_int_equal(settle(&f, id, "a@x.net", NOW + 400 * 86400, "450"), STORE_OK);
    assert_int_equal(defer(&f, "y.net", NOW, NOW + 400 * 86400, "refused"), STORE_OK);
    fixture_close(&f);
    set_now(NOW + 100);
    fixture_open(&f);
    assert_string_equal(load_text(&f, "x.net", NOW + 100, 9), "c@x.net;a@x.net attempts=1 reply=450;");
    assert_string_equal(list_text(&f), "x.net 2/2/68 next=1800000000;"
                                       "y.net 1/1/34 next=1800000000 failed=1 since=1800000000 until=0 refused;");
    fixture_done(&f);
}

// ---- news ----

struct told {
    pthread_mutex_t lock;
    char text[1024];
    struct store_due due; // the last row of it
};

static void on_queue(void *arg, const struct store_queue_news *news) {
    struct told *t = arg;
    assert_int_equal(pthread_mutex_lock(&t->lock), 0);
    size_t len = strlen(t->text);
    (void)snprintf(t->text + len, sizeof(t->text) - len, "%s until=%lld", news->destination,
                   (long long)news->not_before);
    for (size_t i = 0; news->due != NULL && i < news->due->n_recipients; i++) {
        len = strlen(t->text);
        (void)snprintf(t->text + len, sizeof(t->text) - len, " %s", news->due->recipients[i]);
    }
    len = strlen(t->text);
    (void)snprintf(t->text + len, sizeof(t->text) - len, ";");
    if (news->due != NULL) {
        store_due_done(&t->due);
        store_due_copy(news->due, &t->due);
    }
    assert_int_equal(pthread_mutex_unlock(&t->lock), 0);
}

static void test_news(void **state) {
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct fixture f;
    init(&f);
    store_set_on_queue(f.store, on_queue, &told);
    send_letter(&f, 0, "b@x.net a@y.net c@x.net");
    assert_string_equal(told.text, "x.net until=0 b@x.net c@x.net;y.net until=0 a@y.net;");
    // The row that is told is the row that is found.
    struct store_queue_find *find = store_queue_find_new(told.due.id);
    assert_int_equal(run_op(&f, &find->op), STORE_OK);
    const struct store_due *want = &find->ret_due, *got = &told.due;
    assert_string_equal(got->destination, want->destination);
    assert_memory_equal(got->body_key, want->body_key, 32);
    assert_int_equal(got->body_id, want->body_id);
    assert_int_equal(got->body_size, want->body_size);
    assert_int_equal(got->prefix_len, want->prefix_len);
    assert_memory_equal(got->prefix, want->prefix, want->prefix_len);
    assert_string_equal(got->reverse_path, want->reverse_path);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->sender_id, want->sender_id);
    assert_int_equal(got->created, want->created);
    assert_int_equal(got->next_at, want->next_at);
    assert_int_equal(got->n_recipients, want->n_recipients);
    store_op_free(&find->op);
    told.text[0] = '\0';
    assert_int_equal(defer(&f, "x.net", NOW, NOW + 300, "refused"), STORE_OK);
    send_letter(&f, 0, "d@x.net");
    assert_string_equal(told.text, "x.net until=1800000300 d@x.net;");
    told.text[0] = '\0';
    // What is not committed is not told.
    store_test_fail_next_commit(f.store, STORE_FULL);
    assert_int_equal(run_and_free(&f, &make_letter(&f, 0, "x", "e@x.net", 77)->op), STORE_FULL);
    assert_int_equal(run_and_free(&f, &store_queue_retry_new(SLICE("gone.net"), NOW)->op), STORE_NOT_FOUND);
    assert_string_equal(told.text, "");
    assert_int_equal(run_and_free(&f, &store_queue_retry_new(SLICE_EMPTY, NOW)->op), STORE_OK);
    assert_string_equal(told.text, "x.net until=0;y.net until=0;");
    store_due_done(&told.due);
    fixture_done(&f);
}

struct tally {
    unsigned left, n_ok;
};

static void tally(struct store_op *op) {
    struct tally *t = op->arg;
    t->n_ok += op->status == STORE_OK;
    if (--t->left == 0)
        loop_stop(op->loop);
    store_op_free(op);
}

// One that fails in the middle of a group takes its letters and its news with it.
static void test_group(void **state) {
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct fixture f;
    init(&f);
    uint64_t id = send_letter(&f, 0, "b@x.net"), other = send_letter(&f, 0, "c@x.net");
    struct store_queue_settle *s = store_queue_settle_new();
    struct store_deliver *bounce = make_bounce(&f, 1);
    store_deliver_add_remote(bounce, SLICE("bad.net"), SLICE("sender@bad.net"));
    store_deliver_set_letter(bounce, SLICE_EMPTY, SLICE_EMPTY, 0);
    store_queue_settle_bounce(s, store_queue_settle_add(s, id), bounce);
    size_t i = store_queue_settle_add(s, other);
    store_queue_settle_keep(s, i, SLICE("c@x.net"), NOW, SLICE("450"));
    store_queue_settle_keep(s, i, SLICE("d@x.net"), NOW, SLICE("450"));
    struct store_op *ops[] = {&make_letter(&f, 0, "x", "e@x.net", 1)->op, &s->op,
                              &make_letter(&f, 0, "x", "f@x.net", 2)->op};
    struct tally t = {.left = ARRAY_LEN(ops)};
    store_set_on_queue(f.store, on_queue, &told);
    for (size_t j = 0; j < ARRAY_LEN(ops); j++)
        store_op_submit(f.store, f.loop, ops[j], tally, &t);
    loop_run(f.loop);
    assert_int_equal(t.n_ok, 2);
    assert_string_equal(told.text, "x.net until=0 e@x.net;x.net until=0 f@x.net;");
    assert_string_equal(total_text(&f), "1/4/4/4/108");
    store_due_done(&told.due);
    fixture_done(&f);
}

static int teardown(void **state) {
    clock_use_real();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),        cmocka_unit_test(test_settle),      cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_settle_alive), cmocka_unit_test(test_bounce),      cmocka_unit_test(test_bounce_fails),
        cmocka_unit_test(test_expired),      cmocka_unit_test(test_wrong_clock), cmocka_unit_test(test_news),
        cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests_name("store/queue", tests, NULL, teardown);
}
