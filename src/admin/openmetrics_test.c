// SPDX-License-Identifier: MIT
#include "admin/openmetrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const verdicts[] = {"accepted", "unencrypted"};
static const uint64_t seconds[] = {500, 1000000, 2500000};
static const uint64_t sizes[] = {1, 16};

static struct metric_counter submitted =
    METRIC_COUNTER_BY("martlet_submitted_messages", "Messages of accounts by verdict", "verdict", verdicts);
static struct metric_counter relayed = METRIC_COUNTER("test_relayed_bytes", "Octets relayed");
static struct metric_level guests = METRIC_LEVEL("test_guests", "Guests there now");
static struct metric_gauge beds = METRIC_GAUGE_BY("test_beds", "Beds by state", "state", verdicts);
static struct metric_gauge closed = METRIC_GAUGE("test_closed", "Nobody has opened it");
static struct metric_histogram waits = METRIC_HISTOGRAM_SECONDS("test_wait_seconds", "Waiting", seconds);
static struct metric_histogram groups = METRIC_HISTOGRAM("test_group_size", "Sizes of groups", sizes);

static int64_t read_beds(void *arg, size_t value) {
    return value == 0 ? 3 : -1;
}

static const char *text_of(const struct metric *m) {
    static char text[4096];
    struct buf b;
    buf_init(&b, sizeof(text) - 1);
    assert_true(openmetrics_write(m, &b));
    struct slice s = buf_slice(&b);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    buf_done(&b);
    return text;
}

static void test_families(void **state) {
    metric_add(&submitted, 0, 41);
    metric_count(&submitted, 1);
    metric_add(&relayed, 0, UINT64_C(1) << 40);
    metric_raise(&guests, 0, 2);
    metric_gauge_open(&beds, read_beds, NULL);
    static struct metric *const list[] = {&closed.metric};
    metrics_register(list, 1);
    static const uint64_t waited[] = {500, 501, 1000000, 9999999};
    for (size_t i = 0; i < ARRAY_LEN(waited); i++)
        metric_observe(&waits, waited[i]);
    metric_observe(&groups, 16);
    const struct {
        const struct metric *metric;
        const char *want;
    } cases[] = {
        {&submitted.metric, "# TYPE martlet_submitted_messages counter\n"
                            "# HELP martlet_submitted_messages Messages of accounts by verdict.\n"
                            "martlet_submitted_messages_total{verdict=\"accepted\"} 41\n"
                            "martlet_submitted_messages_total{verdict=\"unencrypted\"} 1\n"},
        {&relayed.metric, "# TYPE test_relayed_bytes counter\n"
                          "# UNIT test_relayed_bytes bytes\n"
                          "# HELP test_relayed_bytes Octets relayed.\n"
                          "test_relayed_bytes_total 1099511627776\n"},
        {&guests.metric, "# TYPE test_guests gauge\n"
                         "# HELP test_guests Guests there now.\n"
                         "test_guests 2\n"},
        {&beds.metric, "# TYPE test_beds gauge\n"
                       "# HELP test_beds Beds by state.\n"
                       "test_beds{state=\"accepted\"} 3\n"
                       "test_beds{state=\"unencrypted\"} -1\n"},
        {&closed.metric, ""},
        {&waits.metric, "# TYPE test_wait_seconds histogram\n"
                        "# UNIT test_wait_seconds seconds\n"
                        "# HELP test_wait_seconds Waiting.\n"
                        "test_wait_seconds_bucket{le=\"0.0005\"} 1\n"
                        "test_wait_seconds_bucket{le=\"1.0\"} 3\n"
                        "test_wait_seconds_bucket{le=\"2.5\"} 3\n"
                        "test_wait_seconds_bucket{le=\"+Inf\"} 4\n"
                        "test_wait_seconds_count 4\n"
                        "test_wait_seconds_sum 11.001\n"},
        {&groups.metric, "# TYPE test_group_size histogram\n"
                         "# HELP test_group_size Sizes of groups.\n"
                         "test_group_size_bucket{le=\"1.0\"} 0\n"
                         "test_group_size_bucket{le=\"16.0\"} 1\n"
                         "test_group_size_bucket{le=\"+Inf\"} 1\n"
                         "test_group_size_count 1\n"
                         "test_group_size_sum 16.0\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(text_of(cases[i].metric), cases[i].want);
}

static void test_full(void **state) {
    struct buf b;
    buf_init(&b, 100);
    assert_false(openmetrics_write(&waits.metric, &b));
    buf_done(&b);
}

static void test_aliases(void **state) {
    struct buf b;
    buf_init(&b, 4096);
    const char *before = "";
    for (const struct openmetrics_alias *a = openmetrics_aliases(); a->name != NULL; a++) {
        assert_true(strcmp(before, a->name) < 0);
        before = a->name;
        assert_true(openmetrics_write_alias(a, &b));
    }
    static const char want[] = "# HELP filtered_outgoing_mail_count The same as martlet_submitted_messages, under its "
                               "older name.\n"
                               "filtered_outgoing_mail_count 42\n";
    assert_int_equal(slice_find_slice(buf_slice(&b), slice_from_cstr(want)), 0);
    static const char last[] = "\noutgoing_unencrypted_mail_count 1\n";
    assert_true(slice_find_slice(buf_slice(&b), slice_from_cstr(last)) < b.len);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
