// SPDX-License-Identifier: MIT
// How many letters a second are accepted, loaded and settled, and that it does not depend on how many wait. A short run
// by default; `store_queue_bench_test SECONDS [WAITING]` measures with that many waiting due rows, first spread over
// 1,000 destinations, then all for one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/queue_support.h"

enum { MESSAGE_LEN = 5000, SUBMITTERS = 64, IDS_MAX = 1 << 18, BATCH = 30 };

static uint64_t run_us = 50 * 1000;
static unsigned n_waiting = 2000;

struct bench {
    struct fixture f;
    char *message;
    uint64_t until_us;
    unsigned running;
    uint64_t ids[IDS_MAX];
    size_t n_ids;
};

struct submitter {
    struct bench *bench;
    struct store_body *body;
};

// ---- accepting ----

static void next(struct submitter *s);

static void on_accepted(struct store_op *op) {
    struct submitter *s = op->arg;
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    assert_int_equal(op->status, STORE_OK);
    s->bench->ids[s->bench->n_ids++] = d->remotes[0].ret_due_id;
    store_op_free(op);
    next(s);
}

static void on_finished(void *arg, enum store_status status) {
    struct submitter *s = arg;
    uint8_t dedup[32];
    assert_int_equal(status, STORE_OK);
    random_bytes(dedup, sizeof(dedup));
    struct store_deliver *d = store_deliver_new(s->body, dedup);
    store_deliver_add_remote(d, SLICE("d7.net"), SLICE("b@d7.net"));
    store_deliver_set_letter(d, slice_make(s->bench->message, 700), SLICE("a@example.org"), 0);
    store_op_submit(s->bench->f.store, s->bench->f.loop, &d->op, on_accepted, s);
}

static void next(struct submitter *s) {
    struct bench *b = s->bench;
    if (clock_mono_us() >= b->until_us || b->n_ids + SUBMITTERS >= IDS_MAX) {
        if (--b->running == 0)
            loop_stop(b->f.loop);
        return;
    }
    s->body = store_body_new(b->f.store, b->f.loop);
    (void)store_body_write(s->body, slice_make(b->message, MESSAGE_LEN));
    store_body_finish(s->body, on_finished, s);
}

static double measure_accept(struct bench *b, unsigned n_submitters) {
    struct submitter submitters[SUBMITTERS] = {0};
    uint64_t begin = clock_mono_us();
    size_t before = b->n_ids;
    b->until_us = begin + run_us;
    b->running = n_submitters;
    for (unsigned i = 0; i < n_submitters; i++) {
        submitters[i].bench = b;
        next(&submitters[i]);
    }
    loop_run(b->f.loop);
    return (double)(b->n_ids - before) * 1e6 / (double)(clock_mono_us() - begin);
}

// ---- settling ----

static double measure_settle(struct bench *b, size_t batch) {
    uint64_t begin = clock_mono_us(), n = 0;
    while (b->n_ids > 0 && clock_mono_us() - begin < run_us) {
        struct store_queue_settle *s = store_queue_settle_new();
        for (size_t i = 0; i < batch && b->n_ids > 0; i++, n++)
            (void)store_queue_settle_add(s, b->ids[--b->n_ids]);
        assert_int_equal(run_and_free(&b->f, &s->op), STORE_OK);
    }
    return n > 0 ? (double)n * 1e6 / (double)(clock_mono_us() - begin) : 0;
}

// Microseconds of one operation, the best of some.
static uint64_t measure_op(struct bench *b, struct store_op *(*make)(void)) {
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t begin = clock_mono_us();
        assert_int_equal(run_and_free(&b->f, make()), STORE_OK);
        uint64_t took = clock_mono_us() - begin;
        best = took < best ? took : best;
    }
    return best;
}

static struct store_op *make_load(void) {
    return &store_queue_load_new(SLICE("d7.net"), INT64_MAX, BATCH)->op;
}

static struct store_op *make_destinations(void) {
    return &store_queue_destinations_new(INT64_MAX, BATCH)->op;
}

static struct store_op *make_expired(void) {
    return &store_queue_expired_new(0, BATCH)->op;
}

static struct store_op *make_total(void) {
    return &store_queue_total_new()->op;
}

static struct store_op *make_defer(void) {
    return &store_queue_defer_new(SLICE("d7.net"), 1, 2, SLICE("connection refused"))->op;
}

// ---- what waits ----

// Rows of one letter without a body of its own each, made by SQL: what counts is how many there are.
static void fill(struct bench *b, unsigned n_destinations) {
    char sql[2048];
    if (n_waiting == 0)
        return;
    (void)send_letter(&b->f, 0, "x@first.net");
    fixture_close(&b->f);
    (void)snprintf(sql, sizeof(sql),
                   "BEGIN; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u - 1)"
                   "INSERT INTO destination(id, name, next_at, oldest, dues, recipients, octets)"
                   " SELECT 1000 + i, 'd' || (7 + i) || '.net', 5, 5, 0, 0, 0 FROM n;"
                   "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u - 1)"
                   "INSERT INTO due(letter_id, destination_id, created, next_at, attempts, reply, n_recipients,"
                   " recipients) SELECT 1, 1000 + i %% %u, 5 + i, 5 + i, 0, '', 1, 'b@example.net' || char(10) FROM n;"
                   "UPDATE letter SET dues = dues + %u; UPDATE destination SET (dues, recipients, octets, oldest,"
                   " next_at) = (SELECT count(*), count(*), 34 * count(*), min(created), min(next_at) FROM due"
                   " WHERE destination_id = destination.id);"
                   "UPDATE queue SET destinations = destinations + %u, dues = dues + %u, recipients = recipients + %u;"
                   "COMMIT",
                   n_destinations, n_waiting, n_destinations, n_waiting, n_destinations, n_waiting, n_waiting);
    fixture_sql(&b->f, sql);
    fixture_open(&b->f);
}

static void run(unsigned n_destinations) {
    struct bench *b = MEM_NEW(struct bench);
    fixture_init(&b->f);
    b->message = make_message(MESSAGE_LEN, 1);
    if (n_destinations > 0)
        fill(b, n_destinations);
    double one = measure_accept(b, 1), many = measure_accept(b, SUBMITTERS);
    uint64_t load = measure_op(b, make_load), destinations = measure_op(b, make_destinations);
    uint64_t expired = measure_op(b, make_expired), total = measure_op(b, make_total);
    uint64_t defer_us = measure_op(b, make_defer);
    double singles = measure_settle(b, 1), batches = measure_settle(b, BATCH);
    print_message("# %u waiting for %u destinations: accepted %.0f/s (1 submitter), %.0f/s (%d); settled %.0f/s one by "
                  "one, %.0f/s by %d\n",
                  n_destinations > 0 ? n_waiting : 0, n_destinations, one, many, SUBMITTERS, singles, batches, BATCH);
    print_message("# load %d rows %llu us, destinations %llu us, expired %llu us, total %llu us, defer %llu us\n",
                  BATCH, (unsigned long long)load, (unsigned long long)destinations, (unsigned long long)expired,
                  (unsigned long long)total, (unsigned long long)defer_us);
    free(b->message);
    fixture_done(&b->f);
    free(b);
}

static void test_none(void **state) {
    run(0);
}

static void test_many_destinations(void **state) {
    run(1000);
}

static void test_one_destination(void **state) {
    run(1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_many_destinations),
        cmocka_unit_test(test_one_destination),
    };
    if (argc > 1)
        run_us = (uint64_t)(strtod(argv[1], NULL) * 1e6);
    if (argc > 2)
        n_waiting = (unsigned)strtoul(argv[2], NULL, 10);
    if (n_waiting > STORE_QUEUE_DUES_MAX - IDS_MAX) // the queue has bounds
        n_waiting = STORE_QUEUE_DUES_MAX - IDS_MAX;
    return cmocka_run_group_tests_name("store/queue_bench", tests, NULL, NULL);
}
