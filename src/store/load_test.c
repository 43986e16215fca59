// SPDX-License-Identifier: MIT
// A store that is never idle: the log stays small although there is always a reader in it. `store_load_test SECONDS`
// runs for longer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/test_support.h"

enum { MESSAGE_LEN = 60000, WRITERS = 16, READERS = 16, BASE = 100 };
enum {
    WRITTEN_MIN = 128 * 1024 * 1024, // a log that nobody empties is at least as large
    LOG_MAX = 64 * 1024 * 1024,      // 24 MiB where the threads get the processor when they want it
};

struct load {
    struct fixture f;
    char *message;
    uint64_t account, inbox;
    uint64_t until_ms;
    unsigned running;
    uint64_t written, largest_log;
};

static uint64_t run_ms = 2000;

static uint64_t log_size(const struct load *l) {
    char path[128];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/martlet.db-wal", l->f.dir);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static bool is_over(struct load *l) {
    if (clock_mono_ms() < l->until_ms || l->written * MESSAGE_LEN < WRITTEN_MIN)
        return false;
    if (--l->running == 0)
        loop_stop(l->f.loop);
    return true;
}

static void read_on(struct load *l);

static void on_read(struct store_op *op) {
    struct load *l = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    if (!is_over(l))
        read_on(l);
}

static void read_on(struct load *l) {
    struct store_uid_range all = {1, BASE};
    struct store_fetch *fetch = store_fetch_new(l->inbox, &all, 1, STORE_FETCH_BODY);
    fetch->max_octets = 64 * MESSAGE_LEN;
    store_op_submit(l->f.store, l->f.loop, &fetch->op, on_read, l);
}

static void write_on(struct load *l);

static void on_written(struct store_op *op) {
    struct load *l = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    l->written++;
    uint64_t size = log_size(l);
    if (size > l->largest_log)
        l->largest_log = size;
    if (!is_over(l))
        write_on(l);
}

static void on_finished(void *arg, enum store_status status) {
    struct store_append *append = arg;
    struct load *l = append->op.arg;
    assert_int_equal(status, STORE_OK);
    store_op_submit(l->f.store, l->f.loop, &append->op, on_written, l);
}

static void write_on(struct load *l) {
    struct store_body *body = store_body_new(l->f.store, l->f.loop);
    (void)store_body_write(body, slice_make(l->message, MESSAGE_LEN));
    struct store_append *append = store_append_new(body, l->account, SLICE("INBOX"));
    append->op.arg = l;
    store_body_finish(body, on_finished, append);
}

static void test_log_under_load(void **state) {
    struct load *l = MEM_NEW(struct load);
    fixture_init(&l->f);
    store_set_mailbox_quota(l->f.store, UINT64_C(1) << 40);
    l->message = mem_realloc(make_message(MESSAGE_LEN, 1), MESSAGE_LEN + 1);
    l->message[MESSAGE_LEN] = '\0';
    l->account = make_account(&l->f, "a@example.org", &l->inbox);
    for (int i = 0; i < BASE; i++)
        assert_int_equal(append(&l->f, l->account, "INBOX", l->message, 0, ""), i + 1);
    l->until_ms = clock_mono_ms() + run_ms;
    l->running = READERS + WRITERS;
    for (int i = 0; i < READERS; i++)
        read_on(l);
    for (int i = 0; i < WRITERS; i++)
        write_on(l);
    loop_run(l->f.loop);
    print_message("# %llu MiB written, the log had at most %llu KiB\n",
                  (unsigned long long)(l->written * MESSAGE_LEN >> 20), (unsigned long long)(l->largest_log >> 10));
    if (l->largest_log > LOG_MAX)
        fail_msg("the log grew to %llu octets", (unsigned long long)l->largest_log);
    free(l->message);
    fixture_done(&l->f);
    free(l);
}

// ---- many messages at once ----

enum { MANY = 5000 };

struct order {
    struct loop *loop;
    unsigned n_done;
    unsigned bulk_at, small_at; // places in the order of completion
    size_t n_results;
};

static void on_small(struct store_op *op) {
    struct order *o = op->arg;
    assert_int_equal(op->status, STORE_OK);
    o->small_at = ++o->n_done;
    store_op_free(op);
}

static void on_flags(struct store_op *op) {
    struct order *o = op->arg;
    assert_int_equal(op->status, STORE_OK);
    o->bulk_at = ++o->n_done;
    o->n_results = CONTAINER_OF(op, struct store_flags, op)->ret_n_results;
    store_op_free(op);
    loop_stop(o->loop);
}

static void on_expunged(struct store_op *op) {
    struct order *o = op->arg;
    assert_int_equal(op->status, STORE_OK);
    o->bulk_at = ++o->n_done;
    o->n_results = CONTAINER_OF(op, struct store_expunge, op)->ret_n_uids;
    store_op_free(op);
    loop_stop(o->loop);
}

// A mailbox of MANY copies of one message.
static void fill(struct fixture *f, uint64_t account) {
    assert_int_equal(append(f, account, "INBOX", "From: a\r\n\r\nhi\r\n", 0, ""), 1);
    fixture_close(f);
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO entry SELECT e.mailbox_id, n.i, e.body_id, e.key, e.flags, e.keywords, e.size, e.date,"
                   " e.modseq, e.hour, e.shown FROM entry e, (WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 "
                   "FROM n LIMIT %d)"
                   " SELECT i FROM n) n; UPDATE body SET refs = %d;"
                   "UPDATE mailbox SET uid_next = %d + 1, messages = %d, unseen = %d, octets = octets * %d",
                   MANY - 1, MANY, MANY, MANY, MANY, MANY);
    fixture_sql(f, sql);
    fixture_open(f);
}

// An operation on a whole mailbox lets others pass, and comes to its end even when the store closes.
static void test_bulk(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    uint64_t a = make_account(&f, "a@example.org", &inbox);
    fill(&f, a);
    struct store_uid_range all = {1, UINT32_MAX};
    struct order o = {.loop = f.loop};
    struct store_flags *flags = store_flags_new(inbox, &all, 1);
    flags->mode = STORE_FLAGS_ADD;
    flags->flags = STORE_FLAG_DELETED;
    fixture_hold(&f);
    store_op_submit(f.store, f.loop, &flags->op, on_flags, &o);
    store_op_submit(f.store, f.loop, &store_account_touch_new(a, 1)->op, on_small, &o);
    fixture_release(&f);
    loop_run(f.loop);
    assert_int_equal(o.small_at, 1);
    assert_int_equal(o.bulk_at, 2);
    assert_int_equal(o.n_results, MANY);
    assert_string_equal(describe(&f, a, "INBOX"), "5001/5000/5000/5000/75000");

    // The pieces of an expunge but the last are announced to everybody.
    (void)fixture_changes(&f);
    struct store_expunge *e = store_expunge_new(inbox, NULL, 0);
    e->origin = 7;
    o.n_done = 0;
    fixture_hold(&f);
    store_op_submit(f.store, f.loop, &e->op, on_expunged, &o);
    store_op_submit(f.store, f.loop, &store_account_touch_new(a, 2)->op, on_small, &o);
    fixture_release(&f);
    loop_run(f.loop);
    assert_int_equal(o.small_at, 1);
    assert_int_equal(o.bulk_at, 2);
    assert_int_equal(o.n_results, MANY % 2000);
    assert_string_equal(describe(&f, a, "INBOX"), "5001/0/0/0/0");
    fixture_done(&f);
}

static void test_bulk_while_closing(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    uint64_t a = make_account(&f, "a@example.org", &inbox);
    fill(&f, a);
    struct store_uid_range all = {1, UINT32_MAX};
    struct order o = {.loop = f.loop};
    struct store_flags *flags = store_flags_new(inbox, &all, 1);
    flags->mode = STORE_FLAGS_ADD;
    flags->flags = STORE_FLAG_SEEN;
    store_op_submit(f.store, f.loop, &flags->op, on_flags, &o);
    fixture_close(&f);
    loop_run(f.loop);
    assert_int_equal(o.n_results, MANY);
    fixture_open(&f);
    assert_string_equal(describe(&f, a, "INBOX"), "5001/5000/0/0/75000");
    fixture_done(&f);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_under_load),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_while_closing),
    };
    if (argc > 1)
        run_ms = (uint64_t)(strtod(argv[1], NULL) * 1e3);
    return cmocka_run_group_tests_name("store/load", tests, NULL, NULL);
}
