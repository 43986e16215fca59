// SPDX-License-Identifier: MIT
// What expiry costs beside mail: a store of many messages and accounts, made by SQL, most of which are not due; the
// time of the writer that slices take, and how long deliveries take with and without expiry beside them. A small store
// by default; `expire_bench_test 1000000` is the size of a large relay (accounts are a tenth of it).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <ftw.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "config/config.h"
#include "expire/expire.h"
#include "store/test_support.h"

enum { SAMPLES_MAX = 100 * 1000, DAYS = 20, MESSAGE_LEN = 5000 };

static uint64_t n_messages = 20000;
static uint32_t run_ms = 1000;

struct bench {
    struct fixture f;
    struct config_holder *config;
    char *message;
    uint32_t samples[SAMPLES_MAX];
    size_t n_samples;
    uint64_t started_us;
    unsigned next;
    bool delivered;
};

static bool nobody(void *arg, uint64_t account_id) {
    return false;
}

// A twentieth of the messages is due, and a twentieth of the accounts; one in a hundred messages is in a row of large
// ones that wait, so that their indexes are not empty.
static void fill(struct bench *b) {
    static char sql[4096];
    unsigned long long n = n_messages, accounts = n_messages / 10;
    long long hour = clock_wall_s() / 3600, day = hour / 24;
    (void)snprintf(
        sql, sizeof(sql),
        "PRAGMA synchronous = OFF; BEGIN;"
        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %llu)"
        " INSERT INTO account(id, address, password, inbox_id, last_login_day)"
        " SELECT n, 'u' || n || '@example.org', 'x', n, %lld - n %% 95 FROM i;"
        "INSERT INTO mailbox(id, account_id, name, subscribed, uid_validity, uid_next, messages, unseen, octets)"
        " SELECT id, id, 'INBOX', 1, id, 11, 10, 10, 6000 FROM account;"
        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %llu)"
        " INSERT INTO body(id, format, refs, size) SELECT n, 1, 1, 600 FROM i;"
        "INSERT INTO body_data(id, data) SELECT id, randomblob(600) FROM body;"
        "INSERT INTO entry(mailbox_id, uid, body_id, key, flags, keywords, size, date, modseq, hour, shown)"
        " SELECT 1 + (id - 1) %% %llu, 1 + (id - 1) / %llu, id, randomblob(33), 0, '',"
        " iif(id %% 100 = 0, 300000, 600), 0, 1, %lld - (%llu - id) * %d / %llu, 0 FROM body;"
        "COMMIT",
        accounts, day, n, accounts, accounts, hour, n, DAYS * 24 + DAYS * 24 / 20, n);
    fixture_close(&b->f);
    fixture_sql(&b->f, sql);
    fixture_open(&b->f);
}

// ---- deliveries, one after another ----

static void on_delivered(struct store_op *op) {
    struct bench *b = op->arg;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    if (b->n_samples < SAMPLES_MAX)
        b->samples[b->n_samples++] = (uint32_t)(clock_mono_us() - b->started_us);
    b->delivered = true;
}

static void submit_one(struct bench *b) {
    uint8_t dedup[32];
    char address[64];
    memset(dedup, 0, sizeof(dedup));
    memcpy(dedup, &b->next, sizeof(b->next));
    // Accounts of today, which stay.
    unsigned account = 95 * (1 + b->next++ % (unsigned)(n_messages / 10 / 95));
    int len = snprintf(address, sizeof(address), "u%u@example.org", account);
    struct store_deliver *d = store_deliver_new(make_body(&b->f, b->message, MESSAGE_LEN), dedup);
    store_deliver_add(d, slice_make(address, (size_t)len));
    b->delivered = false;
    b->started_us = clock_mono_us();
    store_op_submit(b->f.store, b->f.loop, &d->op, on_delivered, b);
}

static int compare(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

// A delivery every five milliseconds, until `ms` have gone or the round is over.
static void deliver_for(struct bench *b, const char *what, uint32_t ms, bool until_round) {
    int64_t rounds = metrics_read("martlet_expiry_rounds");
    uint64_t end = clock_mono_ms() + ms;
    b->n_samples = 0;
    while (clock_mono_ms() < end && !(until_round && metrics_read("martlet_expiry_rounds") > rounds)) {
        submit_one(b);
        while (!b->delivered) {
            loop_run_ready(b->f.loop);
            (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000}, NULL);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    qsort(b->samples, b->n_samples, sizeof(*b->samples), compare);
    print_message("# deliveries %s: %zu, p50 %u us, p99 %u us\n", what, b->n_samples, b->samples[b->n_samples / 2],
                  b->samples[b->n_samples * 99 / 100]);
}

// ---- what the slices took ----

static void print_slices(void) {
    const struct metric *m = metrics_find("martlet_expiry_slice_seconds");
    struct metric_distribution d;
    assert_non_null(m);
    metric_read_histogram(m, &d);
    const struct metric_histogram *h = CONTAINER_OF(m, struct metric_histogram, metric);
    uint64_t above = 0;
    for (size_t i = 0; i <= h->n_bounds; i++)
        if (i == h->n_bounds || h->bounds[i] > 5000)
            above += d.counts[i];
    print_message("# slices: %llu, mean %llu us of the writer, above 5 ms: %llu\n", (unsigned long long)d.n,
                  (unsigned long long)(d.n > 0 ? d.sum / d.n : 0), (unsigned long long)above);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

static void test_beside_mail(void **state) {
    static struct bench b;
    fixture_init(&b.f);
    b.message = make_message(MESSAGE_LEN, 1);
    fill(&b);
    struct config *c = config_parse(SLICE("[params]\nmail_domain = example.org\n"), "bench", NULL, NULL, NULL);
    assert_non_null(c);
    b.config = config_holder_new(c);
    deliver_for(&b, "alone", run_ms, false);
    int64_t before = metrics_read_sum("martlet_expired_messages"), accounts = metrics_read("martlet_expired_accounts");
    struct expire *e = expire_new(
        &(struct expire_settings){.config = b.config, .store = b.f.store, .loop = b.f.loop, .is_in_use = nobody});
    uint64_t began = clock_mono_ms();
    expire_start(e);
    deliver_for(&b, "beside expiry", 100 * run_ms, true);
    print_message("# expired: %lld messages, %lld accounts in %llu ms\n",
                  (long long)(metrics_read_sum("martlet_expired_messages") - before),
                  (long long)(metrics_read("martlet_expired_accounts") - accounts),
                  (unsigned long long)(clock_mono_ms() - began));
    print_slices();
    expire_stop(e);
    expire_free(e);
    fixture_close(&b.f);
    loop_free(b.f.loop);
    config_holder_free(b.config);
    free(b.message);
    assert_int_equal(nftw(b.f.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        n_messages = strtoull(argv[1], NULL, 10);
        run_ms = 10 * 1000;
    }
    if (n_messages < 10000) {
        (void)fprintf(stderr, "10000 messages are the least\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_beside_mail)};
    return cmocka_run_group_tests_name("expire/bench", tests, NULL, NULL);
}
