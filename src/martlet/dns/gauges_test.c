// SPDX-License-Identifier: MIT
#include "martlet/dns/gauges.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "config/config.h"
#include "martlet/dns/verdict.h"

enum { NONE = -1, SOME_DAY_S = 1700000000, KEPT_US = 30 * 1000 * 1000, START_US = 1000 * 1000 };

struct world {
    char dir[32];
    int dir_fd; // of DNS_VERDICT_DIR
    struct config_holder *config;
    struct dns_gauges *gauges;
};

static void set_up(struct world *w) {
    char path[64], override[64];
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/dns_gauges.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(path, sizeof(path), "%s/" DNS_VERDICT_DIR, w->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    w->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->dir_fd >= 0);
    (void)snprintf(override, sizeof(override), "state_dir=%s", w->dir);
    const char *overrides[] = {"mail_domain=chat.example.org", override, NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test", overrides, NULL, NULL);
    assert_non_null(c);
    w->config = config_holder_new(c);
    w->gauges = dns_gauges_open(w->config);
}

static void tear_down(struct world *w) {
    char path[64];
    dns_gauges_close(w->gauges);
    config_holder_free(w->config);
    (void)unlinkat(w->dir_fd, "verdict", 0);
    (void)close(w->dir_fd);
    (void)snprintf(path, sizeof(path), "%s/" DNS_VERDICT_DIR, w->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(w->dir), 0);
}

static void write_verdict(const struct world *w, const struct dns_verdict *v) {
    char error[FILES_ERROR_MAX];
    assert_true(dns_verdict_write(w->dir_fd, v, error));
}

static int64_t value_of(const char *name, size_t i) {
    const struct metric *m = metrics_find(name);
    int64_t value;
    return m != NULL && metric_read(m, i, &value) ? value : NONE;
}

static void check(int64_t right, int64_t missing, int64_t wrong, int64_t unknown, int64_t trouble) {
    assert_int_equal(value_of("martlet_dns_records", ZONE_RIGHT), right);
    assert_int_equal(value_of("martlet_dns_records", ZONE_MISSING), missing);
    assert_int_equal(value_of("martlet_dns_records", ZONE_WRONG), wrong);
    assert_int_equal(value_of("martlet_dns_records", ZONE_UNKNOWN), unknown);
    assert_int_equal(value_of("martlet_dns_trouble", 0), trouble);
}

static struct dns_verdict verdict_of(unsigned right, unsigned missing, unsigned wrong) {
    struct dns_verdict v = {.looked_at_s = SOME_DAY_S, .tried_at_s = SOME_DAY_S};
    v.counts[ZONE_RIGHT] = right;
    v.counts[ZONE_MISSING] = missing;
    v.counts[ZONE_WRONG] = wrong;
    for (; v.n < missing + wrong; v.n++)
        v.records[v.n] = (struct dns_verdict_record){
            .label = "MX", .name = "a.org", .verdict = ZONE_WRONG, .is_trouble = v.n < wrong};
    return v;
}

// Nothing is known, and "no trouble" would be a claim.
static void before_the_first_look(void **state) {
    struct world w;
    set_up(&w);
    check(NONE, NONE, NONE, NONE, NONE);
    tear_down(&w);
    set_up(&w);
    write_verdict(&w, &(struct dns_verdict){.tried_at_s = SOME_DAY_S}); // nobody has answered
    check(NONE, NONE, NONE, NONE, NONE);
    tear_down(&w);
}

static void after_a_look(void **state) {
    struct world w;
    set_up(&w);
    struct dns_verdict v = verdict_of(12, 3, 2);
    write_verdict(&w, &v);
    check(12, 3, 2, 0, 2);
    tear_down(&w);
    check(NONE, NONE, NONE, NONE, NONE);
}

static void the_file_is_read_twice_a_minute(void **state) {
    struct world w;
    clock_set_fake(START_US, SOME_DAY_S);
    set_up(&w);
    struct dns_verdict v = verdict_of(12, 3, 2);
    write_verdict(&w, &v);
    check(12, 3, 2, 0, 2);
    v = verdict_of(17, 0, 0);
    write_verdict(&w, &v);
    clock_set_fake(START_US + KEPT_US - 1, SOME_DAY_S);
    check(12, 3, 2, 0, 2);
    clock_set_fake(START_US + KEPT_US, SOME_DAY_S);
    check(17, 0, 0, 0, 0);
    tear_down(&w);
    clock_use_real();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_look),
        cmocka_unit_test(after_a_look),
        cmocka_unit_test(the_file_is_read_twice_a_minute),
    };
    return cmocka_run_group_tests_name("martlet/dns_gauges", tests, NULL, NULL);
}
