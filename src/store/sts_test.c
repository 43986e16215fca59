// SPDX-License-Identifier: MIT
// Policies of MTA-STS: kept, replaced, forgotten by themselves, and never too many.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sts_ops.h"
#include "store/test_support.h"

enum { NOW = 1800000000, WEEK = 7 * 86400 };

static enum store_status keep(struct fixture *f, const char *domain, const char *id, enum store_sts_mode mode,
                              const char *mx, int64_t max_age, int64_t fetched_at) {
    return run_and_free(f, &store_sts_keep_new(slice_from_cstr(domain), slice_from_cstr(id), mode, slice_from_cstr(mx),
                                               max_age, fetched_at)
                                ->op);
}

static const char *find(struct fixture *f, const char *domain, int64_t now) {
    static char text[256];
    struct store_sts_find *s = store_sts_find_new(slice_from_cstr(domain), now);
    enum store_status status = run_op(f, &s->op);
    const struct store_sts_policy *p = &s->ret_policy;
    if (status == STORE_OK)
        (void)snprintf(text, sizeof(text), "%s %s %d %s %lld %lld", p->domain, p->id, (int)p->mode, p->mx,
                       (long long)p->max_age, (long long)p->fetched_at);
    else
        (void)snprintf(text, sizeof(text), "status %d", (int)status);
    store_op_free(&s->op);
    return text;
}

static void test_policies(void **state) {
    struct fixture f;
    clock_set_fake(1000000, NOW);
    fixture_init(&f);
    assert_string_equal(find(&f, "x.net", NOW), "status 1");
    assert_int_equal(keep(&f, "x.net", "1", STORE_STS_ENFORCE, "mx.x.net\n*.x.net\n", WEEK, NOW), STORE_OK);
    assert_string_equal(find(&f, "x.net", NOW), "x.net 1 2 mx.x.net\n*.x.net\n 604800 1800000000");
    assert_string_equal(find(&f, "x.net", NOW + WEEK - 1), "x.net 1 2 mx.x.net\n*.x.net\n 604800 1800000000");
    assert_string_equal(find(&f, "x.net", NOW + WEEK), "status 1");
    assert_string_equal(find(&f, "x.net", NOW - 100 * 86400), "status 1"); // fetched under another clock
    assert_int_equal(keep(&f, "x.net", "2", STORE_STS_NONE, "", INT64_MAX, NOW + 5), STORE_OK);
    assert_string_equal(find(&f, "x.net", NOW + WEEK), "x.net 2 0  31557600 1800000005");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sts_policy"), 1);
    assert_int_equal(run_and_free(&f, &store_sts_forget_new(SLICE("x.net"))->op), STORE_OK);
    assert_int_equal(run_and_free(&f, &store_sts_forget_new(SLICE("x.net"))->op), STORE_NOT_FOUND);
    assert_string_equal(find(&f, "x.net", NOW), "status 1");
    fixture_done(&f);
}

static void test_invalid(void **state) {
    static char large[STORE_STS_MX_MAX + 2];
    memset(large, 'x', sizeof(large) - 1);
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(keep(&f, "", "1", STORE_STS_ENFORCE, "mx\n", WEEK, NOW), STORE_INVALID);
    assert_int_equal(keep(&f, large, "1", STORE_STS_ENFORCE, "mx\n", WEEK, NOW), STORE_INVALID);
    assert_int_equal(keep(&f, "x.net", large, STORE_STS_ENFORCE, "mx\n", WEEK, NOW), STORE_INVALID);
    assert_int_equal(keep(&f, "x.net", "1", STORE_STS_ENFORCE, large, WEEK, NOW), STORE_INVALID);
    assert_int_equal(keep(&f, "x.net", "1", STORE_STS_TESTING, "", WEEK, NOW), STORE_INVALID);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sts_policy"), 0);
    fixture_done(&f);
}

// The one that was fetched first makes room; those that are over go before.
static void test_bound(void **state) {
    struct fixture f;
    clock_set_fake(1000000, NOW);
    fixture_init(&f);
    fixture_close(&f);
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   "INSERT INTO sts_policy SELECT 'd' || i || '.net', '1', 2, 'mx', %d, %d + (i * 37) %% 10007 FROM n",
                   STORE_STS_MAX, WEEK, NOW);
    fixture_sql(&f, sql);
    fixture_open(&f);
    int64_t first = fixture_number(&f, "SELECT min(fetched_at) FROM sts_policy");
    assert_int_equal(keep(&f, "new.net", "1", STORE_STS_ENFORCE, "mx\n", WEEK, NOW + 20000), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sts_policy"), STORE_STS_MAX);
    assert_true(fixture_number(&f, "SELECT min(fetched_at) FROM sts_policy") > first);
    assert_int_equal(keep(&f, "new.net", "2", STORE_STS_ENFORCE, "mx\n", WEEK, NOW + 20001), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sts_policy"), STORE_STS_MAX);
    assert_int_equal(keep(&f, "newer.net", "1", STORE_STS_ENFORCE, "mx\n", WEEK, NOW + WEEK + 50), STORE_OK);
    assert_true(fixture_number(&f, "SELECT count(*) FROM sts_policy") < STORE_STS_MAX - 40);
    assert_string_equal(find(&f, "new.net", NOW + 20001), "new.net 2 2 mx\n 604800 1800020001");
    fixture_done(&f);
}

// Nobody asks for them any more, and still they go: when the writer is idle.
static void test_purge(void **state) {
    struct fixture f;
    clock_set_fake(1000000, NOW);
    fixture_init(&f);
    for (unsigned i = 0; i < 250; i++) {
        char domain[32];
        (void)snprintf(domain, sizeof(domain), "d%u.net", i);
        assert_int_equal(keep(&f, domain, "1", STORE_STS_ENFORCE, "mx\n", i < 240 ? 100 : WEEK, NOW), STORE_OK);
    }
    fixture_close(&f);
    clock_set_fake(1000000, NOW + 200);
    fixture_open(&f);
    for (int i = 0; i < 600 && fixture_number(&f, "SELECT count(*) FROM sts_policy") > 10; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sts_policy"), 10);
    fixture_done(&f);
}

static int teardown(void **state) {
    clock_use_real();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_purge),
    };
    return cmocka_run_group_tests_name("store/sts", tests, NULL, teardown);
}
