// SPDX-License-Identifier: MIT
// What expiry costs beside mail: a store of many messages and accounts, made by SQL, most of which are not due; the
// time that slices take of the loop and of the store's threads, and how long deliveries take with and without expiry
// beside them, in windows that alternate until all that is due is gone. What is processor time is the same on a machine
// that others use. A small store by default; `expire_bench_test 1000000` is the size of a large relay (accounts are a
// tenth of it).
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

enum { SAMPLES_MAX = 100 * 1000, WINDOWS_MAX = 200, DAYS = 20, MESSAGE_LEN = 5000, PAUSE_US = 5000 };

static uint64_t n_messages = 20000;
static uint32_t run_ms = 1000;

// Of all windows of a kind.
struct windows {
    const char *what;
    uint32_t samples[SAMPLES_MAX]; // of deliveries
    size_t n_samples, n_windows;
    uint32_t medians[WINDOWS_MAX]; // of each window
    uint64_t store_cpu_us;         // of the store's threads
    uint64_t worst_turn_us;        // processor time of the loop
};

struct bench {
    struct fixture f;
    struct config_holder *config;
    struct expire *expire;
    char *message;
    struct windows alone, beside;
    struct windows *now;
    uint64_t started_us;
    int64_t rounds;
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
    struct windows *w = b->now;
    assert_int_equal(op->status, STORE_OK);
    store_op_free(op);
    if (w->n_samples < SAMPLES_MAX)
        w->samples[w->n_samples++] = (uint32_t)(clock_mono_us() - b->started_us);
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

static uint64_t cpu_us(clockid_t clock) {
    struct timespec t;
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// All threads but this one, which runs the loop.
static uint64_t store_cpu_us(void) {
    return cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us(CLOCK_THREAD_CPUTIME_ID);
}

static void turn(struct bench *b) {
    uint64_t began = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    loop_run_ready(b->f.loop);
    uint64_t took = cpu_us(CLOCK_THREAD_CPUTIME_ID) - began;
    if (took > b->now->worst_turn_us)
        b->now->worst_turn_us = took;
    (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000}, NULL);
}

static int compare(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static uint32_t share_of(uint32_t *samples, size_t n, unsigned percent) {
    qsort(samples, n, sizeof(*samples), compare);
    return n > 0 ? samples[n * percent / 100] : 0;
}

static bool is_round_over(const struct bench *b) {
    return metrics_read("martlet_expiry_rounds") > b->rounds;
}

// A delivery every five milliseconds, until the window or, beside expiry, the round is over.
static void deliver_in(struct bench *b, struct windows *w) {
    uint64_t end = clock_mono_ms() + run_ms, cpu = store_cpu_us();
    size_t first = w->n_samples;
    b->now = w;
    while (clock_mono_ms() < end && !(w == &b->beside && is_round_over(b))) {
        submit_one(b);
        while (!b->delivered)
            turn(b);
        for (uint64_t next = clock_mono_us() + PAUSE_US; clock_mono_us() < next;)
            turn(b);
    }
    w->store_cpu_us += store_cpu_us() - cpu;
    w->medians[w->n_windows++] = share_of(w->samples + first, w->n_samples - first, 50);
}

static void print_windows(struct windows *w) {
    uint32_t least = share_of(w->medians, w->n_windows, 0), most = w->medians[w->n_windows - 1];
    print_message("# deliveries %s: %zu, p50 %u us, p99 %u us; medians of %zu windows %u us, from %u to %u\n", w->what,
                  w->n_samples, share_of(w->samples, w->n_samples, 50), share_of(w->samples, w->n_samples, 99),
                  w->n_windows, share_of(w->medians, w->n_windows, 50), least, most);
    print_message("# processor time: worst turn of the loop %llu us, the store's threads %llu ms\n",
                  (unsigned long long)w->worst_turn_us, (unsigned long long)(w->store_cpu_us / 1000));
}

// ---- what the slices took ----

static void print_slices(const struct bench *b, uint64_t n_expired) {
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
    // What deliveries cost is known from the windows without expiry. Commits are part of it, and accounts.
    uint64_t each = b->alone.n_samples > 0 ? b->alone.store_cpu_us / b->alone.n_samples : 0;
    uint64_t mail = each * b->beside.n_samples, all = b->beside.store_cpu_us;
    print_message("# processor time of the store's threads: %llu us for a delivery, %llu us for a message that goes\n",
                  (unsigned long long)each, (unsigned long long)(all > mail ? (all - mail) / n_expired : 0));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

static void expire_for_a_while(struct bench *b) {
    b->expire = expire_new(
        &(struct expire_settings){.config = b->config, .store = b->f.store, .loop = b->f.loop, .is_in_use = nobody});
    expire_start(b->expire);
    deliver_in(b, &b->beside);
    expire_stop(b->expire);
    expire_free(b->expire);
}

static void test_beside_mail(void **state) {
    static struct bench b = {.alone.what = "alone", .beside.what = "beside expiry"};
    fixture_init(&b.f);
    b.message = make_message(MESSAGE_LEN, 1);
    fill(&b);
    struct config *c = config_parse(SLICE("[params]\nmail_domain = example.org\n"), "bench", NULL, NULL, NULL);
    assert_non_null(c);
    b.config = config_holder_new(c);
    int64_t before = metrics_read_sum("martlet_expired_messages"), accounts = metrics_read("martlet_expired_accounts");
    b.rounds = metrics_read("martlet_expiry_rounds");
    while (!is_round_over(&b) && b.beside.n_windows < WINDOWS_MAX) {
        deliver_in(&b, &b.alone);
        expire_for_a_while(&b);
    }
    assert_true(is_round_over(&b));
    print_windows(&b.alone);
    print_windows(&b.beside);
    int64_t n_expired = metrics_read_sum("martlet_expired_messages") - before;
    assert_true(n_expired > 0);
    print_message("# expired: %lld messages, %lld accounts\n", (long long)n_expired,
                  (long long)(metrics_read("martlet_expired_accounts") - accounts));
    print_slices(&b, (uint64_t)n_expired);
    fixture_close(&b.f);
    loop_free(b.f.loop);
    config_holder_free(b.config);
    free(b.message);
    assert_int_equal(nftw(b.f.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        n_messages = strtoull(argv[1], NULL, 10);
        run_ms = 5 * 1000;
    }
    if (n_messages < 10000) {
        (void)fprintf(stderr, "10000 messages are the least\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_beside_mail)};
    return cmocka_run_group_tests_name("expire/bench", tests, NULL, NULL);
}
