// SPDX-License-Identifier: MIT
// `status` and `metrics` on the control socket.
#include "admin/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/fixture.h"
#include "admin/history.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "config/config.h"

static struct control_fixture fixture;

static json_t *describe_tea(void *arg, json_t *attention) {
    const unsigned *cups = arg;
    (void)control_attention_limit(attention, "cups", *cups, 10);
    return json_pack("{s:i}", "cups", (int)*cups);
}

static json_t *describe_nothing(void *arg, json_t *attention) {
    return NULL;
}

static unsigned cups = 7;
static const struct control_section sections[] = {{"tea", describe_tea, &cups}, {"void", describe_nothing, NULL}};

static void on_complaint(void *arg, const struct config_complaint *c) {
    print_error("%s\n", c->text);
}

static int open_fixture(void **state) {
    char state_dir[128];
    control_fixture_open(&fixture, NULL);
    (void)snprintf(state_dir, sizeof(state_dir), "state_dir=%s", fixture.world.dir);
    const char *const settings[] = {state_dir, "min_free_disk_space=0M", "max_load_1m=100000", "min_available_memory=0",
                                    NULL};
    struct config *c = config_parse(SLICE("[params]\nmail_domain = a.org\n"), "test.ini", settings, on_complaint, NULL);
    assert_non_null(c);
    config_holder_replace(fixture.world.config, c);
    fixture.server.sections = sections;
    fixture.server.n_sections = ARRAY_LEN(sections);
    fixture.server.history = control_history_new();
    return 0;
}

static int close_fixture(void **state) {
    control_history_free(fixture.server.history);
    control_fixture_close(&fixture);
    return 0;
}

static const char *ask(struct conn *c, const char *command) {
    char request[64];
    int len = snprintf(request, sizeof(request), "{\"command\":\"%s\"}\n", command);
    control_fixture_send(&fixture, c, request, (size_t)len);
    return control_fixture_answer(c);
}

static long long number(const json_t *of, const char *first, const char *second) {
    const json_t *n = json_object_get(json_object_get(of, first), second);
    if (!json_is_integer(n))
        fail_msg("no number %s.%s", first, second);
    return json_integer_value(n);
}

static json_t *status(struct conn *c) {
    json_t *answer = json_loads(ask(c, "status"), 0, NULL);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    return answer;
}

static void test_status(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    json_t *answer = status(c);
    assert_string_equal(json_string_value(json_object_get(answer, "version")), MARTLET_VERSION);
    assert_string_equal(json_string_value(json_object_get(answer, "domain")), "a.org");
    assert_int_equal(json_array_size(json_object_get(answer, "attention")), 0);
    assert_int_equal(number(answer, "tea", "cups"), 7);
    assert_null(json_object_get(answer, "void"));
    assert_int_equal(number(answer, "queue", "messages"), 0);
    assert_true(number(answer, "store", "database_octets") > 4096);
    assert_int_equal(number(json_object_get(answer, "messages"), "hour", "refused"), 0);
    json_decref(answer);
    conn_memory_free(c);
}

// Each limit is a row, of the parts and of this room, whether it is near or not.
static void test_rows_of_limits(void **state) {
    json_t *list = json_array(), *attention = json_array();
    control_limit(list, "cups", 79, 100, attention);
    control_limit(list, "pots", 80, 100, attention);
    control_limit(list, "no limit", 5, 0, attention);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "used")), 79);
    assert_int_equal(json_array_size(attention), 1);
    assert_string_equal(json_string_value(json_array_get(attention, 0)), "pots: 80 of 100 are in use");
    json_decref(list);
    json_decref(attention);

    struct conn *c = control_fixture_connect(&fixture);
    json_t *answer = status(c), *row;
    size_t i, n_known = 0;
    json_array_foreach(json_object_get(answer, "limits"), i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        n_known += strcmp(name, "the disk") == 0 || strcmp(name, "places in the queue") == 0 ||
                   strcmp(name, "the fullest mailbox") == 0;
        assert_true(json_integer_value(json_object_get(row, "limit")) > 0);
    }
    assert_int_equal(n_known, 3);
    assert_true(json_is_true(json_object_get(answer, "running")));
    json_decref(answer);
    conn_memory_free(c);
}

static void test_limits(void **state) {
    static const struct {
        unsigned cups;
        const char *want; // NULL: no sentence
    } cases[] = {{0, NULL}, {7, NULL}, {8, "cups: 8 of 10 are in use"}, {11, "cups: 11 of 10 are in use"}};
    struct conn *c = control_fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cups = cases[i].cups;
        json_t *answer = status(c);
        const json_t *attention = json_object_get(answer, "attention");
        const char *got = json_string_value(json_array_get(attention, 0));
        assert_int_equal(json_array_size(attention), cases[i].want != NULL ? 1 : 0);
        if (cases[i].want != NULL)
            assert_string_equal(got, cases[i].want);
        json_decref(answer);
    }
    conn_memory_free(c);
    json_t *said = json_array();
    assert_false(control_attention_limit(said, "nothing", 5, 0));
    assert_int_equal(json_array_size(said), 0);
    control_attention(said, "the folder %s is full", "caf\xe9");
    assert_string_equal(json_string_value(json_array_get(said, 0)), "the folder caf? is full");
    json_decref(said);
}

static const char *const kinds[] = {"green", "black"};
static struct metric_counter pots = METRIC_COUNTER_BY("test_pots", "Pots by kind", "kind", kinds);

static void test_metrics(void **state) {
    metric_count(&pots, 1);
    struct conn *c = control_fixture_connect(&fixture);
    const char *answer = ask(c, "metrics");
    assert_non_null(strstr(answer, "{\"text\":\"# TYPE test_pots counter\\n# HELP test_pots Pots by kind.\\n"
                                   "test_pots_total{kind=\\\"green\\\"} 0\\n"
                                   "test_pots_total{kind=\\\"black\\\"} 1\\n\"}\n"));
    assert_non_null(strstr(answer, "# EOF\\n\"}\n{\"ok\":true}\n"));
    conn_memory_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_rows_of_limits),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
