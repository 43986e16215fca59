// SPDX-License-Identifier: MIT
// How many durable deliveries a second, with 1 and with 64 submitters that each wait for their reply. A short run by
// default; `store_bench_test SECONDS` measures. Messages have 5,000 octets and go round many accounts; when SECONDS is
// given, each is flagged and expunged as clients do once an account has 20 of them. Then what pushes cost: nobody has a
// token, everybody has one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/push_ops.h"
#include "store/store_internal.h"
#include "store/test_support.h"

enum { MESSAGE_LEN = 5000, ACCOUNTS = 200, SUBMITTERS_MAX = 64, SAMPLES_MAX = 1 << 18, KEEP = 20 };

struct bench {
    struct fixture f;
    char *message;
    uint64_t inboxes[ACCOUNTS];
    uint32_t next_account;
    uint64_t until_us;
    unsigned running;
    uint32_t samples[SAMPLES_MAX]; // microseconds from submission of the delivery
    size_t n_samples;
    size_t n_done;
};

struct submitter {
    struct bench *bench;
    struct store_body *body;
    uint64_t started_us;
    uint32_t account, uid;
};

static uint64_t run_us = 100 * 1000;

static void next(struct submitter *s);

static void on_expunged(struct store_op *op) {
    struct submitter *s = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    next(s);
}

static void on_flagged(struct store_op *op) {
    struct submitter *s = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    struct store_uid_range old = {1, s->uid - KEEP};
    struct store_expunge *e = store_expunge_new(s->bench->inboxes[s->account], &old, 1);
    store_op_submit(s->bench->f.store, s->bench->f.loop, &e->op, on_expunged, s);
}

static void on_delivered(struct store_op *op) {
    struct submitter *s = op->arg;
    struct bench *b = s->bench;
    struct store_deliver *d = CONTAINER_OF(op, struct store_deliver, op);
    assert_int_equal(op->status, STORE_OK);
    assert_int_equal(d->deliveries[0].ret_outcome, STORE_DELIVERED);
    s->uid = d->deliveries[0].ret_uid;
    store_op_free(op);
    if (b->n_samples < SAMPLES_MAX)
        b->samples[b->n_samples++] = (uint32_t)(clock_mono_us() - s->started_us);
    b->n_done++;
    if (s->uid <= KEEP || s->uid % KEEP != 0) {
        next(s);
        return;
    }
    struct store_uid_range old = {1, s->uid - KEEP};
    struct store_flags *flags = store_flags_new(b->inboxes[s->account], &old, 1);
    flags->mode = STORE_FLAGS_ADD;
    flags->flags = STORE_FLAG_DELETED;
    store_op_submit(b->f.store, b->f.loop, &flags->op, on_flagged, s);
}

static void on_finished(void *arg, enum store_status status) {
    struct submitter *s = arg;
    uint8_t dedup[32];
    char address[32];
    assert_int_equal(status, STORE_OK);
    random_bytes(dedup, sizeof(dedup));
    s->account = s->bench->next_account++ % ACCOUNTS;
    (void)snprintf(address, sizeof(address), "a%u@example.org", s->account);
    struct store_deliver *d = store_deliver_new(s->body, dedup);
    store_deliver_add(d, slice_from_cstr(address));
    s->started_us = clock_mono_us();
    store_op_submit(s->bench->f.store, s->bench->f.loop, &d->op, on_delivered, s);
}

static void next(struct submitter *s) {
    struct bench *b = s->bench;
    if (clock_mono_us() >= b->until_us && b->n_samples > 0) {
        if (--b->running == 0)
            loop_stop(b->f.loop);
        return;
    }
    s->body = store_body_new(b->f.store, b->f.loop);
    (void)store_body_write(s->body, slice_make(b->message, MESSAGE_LEN));
    store_body_finish(s->body, on_finished, s);
}

static int compare(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double cpu_ms(void) {
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void measure(struct bench *b, unsigned n_submitters, const char *what) {
    struct submitter submitters[SUBMITTERS_MAX] = {0};
    uint64_t begin = clock_mono_us(), commits = store_test_commits(b->f.store);
    double cpu = cpu_ms();
    b->until_us = begin + run_us;
    b->running = n_submitters;
    b->n_samples = b->n_done = 0;
    for (unsigned i = 0; i < n_submitters; i++) {
        submitters[i].bench = b;
        next(&submitters[i]);
    }
    loop_run(b->f.loop);
    double seconds = (double)(clock_mono_us() - begin) / 1e6;
    assert_true(b->n_samples > 0);
    qsort(b->samples, b->n_samples, sizeof(b->samples[0]), compare);
    print_message(
        "# %2u submitters%s: %.0f deliveries/s, p50 %u us, p99 %u us, CPU %.3f ms each, %.1f writes a commit\n",
        n_submitters, what, (double)b->n_done / seconds, b->samples[b->n_samples / 2],
        b->samples[b->n_samples * 99 / 100], (cpu_ms() - cpu) / (double)b->n_done,
        (double)b->n_done / (double)(store_test_commits(b->f.store) - commits));
}

static void test_deliveries(void **state) {
    struct bench *b = MEM_NEW(struct bench);
    fixture_init(&b->f);
    b->message = make_message(MESSAGE_LEN, 1);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "a%zu@example.org", i);
        make_account(&b->f, address, &b->inboxes[i]);
    }
    measure(b, 1, "");
    measure(b, 8, "");
    measure(b, 64, "");
    store_set_push_enabled(b->f.store, true);
    measure(b, 64, ", no token");
    for (uint64_t i = 0; i < ACCOUNTS; i++)
        assert_int_equal(run_and_free(&b->f, &store_token_add_new(i + 1, SLICE("openpgp:token"))->op), STORE_OK);
    measure(b, 64, ", a token each");
    free(b->message);
    fixture_done(&b->f);
    free(b);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deliveries)};
    if (argc > 1)
        run_us = (uint64_t)(strtod(argv[1], NULL) * 1e6);
    return cmocka_run_group_tests_name("store/bench", tests, NULL, NULL);
}
