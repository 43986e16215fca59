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

static int64_t read_number(void *arg, size_t value) {
    return *(const int64_t *)arg;
}

static int64_t read_beds(void *arg, size_t value) {
    return value == 0 ? 3 : -1;
}

static const char *text_in(const struct metric *m, enum openmetrics_format format) {
    static char text[4096];
    struct buf b;
    buf_init(&b, sizeof(text) - 1);
    assert_true(openmetrics_write(m, format, &b));
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
        assert_string_equal(text_in(cases[i].metric, OPENMETRICS_1_0), cases[i].want);
}

// Prometheus' own format: a counter is named as its samples are, and there is neither unit nor end.
static void test_prometheus(void **state) {
    assert_string_equal(text_in(&relayed.metric, OPENMETRICS_PROMETHEUS),
                        "# TYPE test_relayed_bytes_total counter\n"
                        "# HELP test_relayed_bytes_total Octets relayed.\n"
                        "test_relayed_bytes_total 1099511627776\n");
    assert_null(strstr(text_in(&waits.metric, OPENMETRICS_PROMETHEUS), "UNIT"));
}

// What is read in microseconds is written in seconds.
static void test_scaled(void **state) {
    static struct metric_gauge spent = METRIC_TOTAL_SECONDS("test_spent_seconds", "Time spent");
    static int64_t us;
    metric_gauge_open(&spent, read_number, &us);
    static const struct {
        int64_t us;
        const char *want;
    } cases[] = {
        {0, " 0.0\n"}, {1, " 0.000001\n"}, {12500000, " 12.5\n"}, {INT64_C(1795299113000001), " 1795299113.000001\n"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        us = cases[i].us;
        assert_non_null(strstr(text_in(&spent.metric, OPENMETRICS_1_0), cases[i].want));
    }
    assert_int_equal(metric_per_unit(&spent.metric), 1000000);
    assert_int_equal(metric_per_unit(&guests.metric), 1);
}

static void test_full(void **state) {
    struct buf b;
    buf_init(&b, 100);
    assert_false(openmetrics_write(&waits.metric, OPENMETRICS_1_0, &b));
    buf_done(&b);
}

static void test_aliases(void **state) {
    static struct metric_gauge all = METRIC_GAUGE("martlet_accounts", "Accounts");
    static struct metric_gauge ci = METRIC_GAUGE("martlet_accounts_ci", "Accounts of tests");
    static const char *const words[] = {"encrypted", "securejoin", "mailer-daemon"};
    static struct metric_counter kinds = METRIC_COUNTER_BY("martlet_inbound_kinds", "Let through", "kind", words);
    static int64_t n_all = 7, n_ci = 2;
    metric_add(&kinds, 0, 10);
    metric_add(&kinds, 1, 2);
    metric_add(&kinds, 2, 100);
    metric_gauge_open(&all, read_number, &n_all);
    metric_gauge_open(&ci, read_number, &n_ci);
    struct buf b;
    buf_init(&b, 16384);
    const char *before = "";
    for (const struct openmetrics_alias *a = openmetrics_aliases(); a->name != NULL; a++) {
        assert_true(strcmp(before, a->name) <= 0 && (strcmp(before, a->name) != 0 || a->label != NULL));
        before = a->name;
        assert_true(openmetrics_write_alias(a, &b));
        // Of two counters that are read one after the other the difference falls now and then, which for those who read
        // is a start from zero.
        if (a->minus && strcmp(a->name, "chatmail_accounts") != 0 && strcmp(a->name, "nonci_accounts") != 0)
            fail_msg("%s only grows and is a difference", a->name);
    }
    static const char want[] = "# HELP filtered_outgoing_mail_count The same as martlet_submitted_messages, under its "
                               "older name.\n"
                               "filtered_outgoing_mail_count 42\n";
    assert_true(slice_find_slice(buf_slice(&b), slice_from_cstr(want)) < b.len);
    // One head for all rows of a family, and what is left when others are taken off.
    static const char rows[] = "# HELP chatmail_accounts The same as martlet_accounts, under its older name.\n"
                               "chatmail_accounts{kind=\"all\"} 7\nchatmail_accounts{kind=\"ci\"} 2\n"
                               "chatmail_accounts{kind=\"user\"} 5\n# HELP ";
    assert_true(slice_find_slice(buf_slice(&b), slice_from_cstr(rows)) < b.len);
    // Two words of the same metric, named once.
    static const char both[] =
        "# HELP incoming_encrypted_mail_count The same as martlet_inbound_kinds, under its older "
        "name.\nincoming_encrypted_mail_count 12\n";
    assert_true(slice_find_slice(buf_slice(&b), slice_from_cstr(both)) < b.len);
    static const char last[] = "\noutgoing_unencrypted_mail_count 1\n";
    assert_true(slice_find_slice(buf_slice(&b), slice_from_cstr(last)) < b.len);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families), cmocka_unit_test(test_prometheus), cmocka_unit_test(test_scaled),
        cmocka_unit_test(test_full),     cmocka_unit_test(test_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
