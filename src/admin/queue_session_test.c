// SPDX-License-Identifier: MIT
// The operator's commands for the queue and the signing keys, as the control socket answers them, on the real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/fixture.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/body.h"
#include "store/message_ops.h"
#include "store/queue_ops.h"

enum { NOW = 1795262400, MANY = 250 };

static struct control_fixture fixture;
static char given_up[600]; // "destination/number;"
static size_t n_reloads;

static void on_give_up(void *arg, struct slice destination, uint64_t due_id) {
    size_t len = strlen(given_up);
    (void)snprintf(given_up + len, sizeof(given_up) - len, "%.*s/%llu;", SLICE_FMT(destination),
                   (unsigned long long)due_id);
}

static json_t *list_keys(void *arg) {
    return json_pack("[{s:s}, {s:s}]", "selector", "one", "selector", "two");
}

static void reload_keys(void *arg) {
    n_reloads++;
}

static int open_fixture(void **state) {
    clock_set_fake(1000 * 1000, NOW);
    control_fixture_open(&fixture, NULL);
    fixture.server.queue_give_up = on_give_up;
    given_up[0] = '\0';
    n_reloads = 0;
    return 0;
}

static int close_fixture(void **state) {
    control_fixture_close(&fixture);
    clock_use_real();
    return 0;
}

static void talk(struct conn *c, const char *send, const char *want) {
    control_fixture_send(&fixture, c, send, strlen(send));
    const char *got = control_fixture_answer(c);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n got %s\nwant %s", send, got, want);
}

// ---- mail that waits ----

static void on_finished(void *arg, enum store_status status) {
    assert_int_equal(status, STORE_OK);
    loop_stop(fixture.world.loop);
}

static void on_done(struct store_op *op) {
    loop_stop(fixture.world.loop);
}

static void run(struct store_op *op) {
    store_op_submit(fixture.world.store, fixture.world.loop, op, on_done, NULL);
    loop_run(fixture.world.loop);
    assert_int_equal(op->status, STORE_OK);
}

// A message of 7 octets. Returns the number under which it waits.
static uint64_t enqueue(const char *destination, const char *const recipients[2]) {
    static unsigned n;
    struct store_body *body = store_body_new(fixture.world.store, fixture.world.loop);
    (void)store_body_write(body, SLICE("letter\n"));
    store_body_finish(body, on_finished, NULL);
    loop_run(fixture.world.loop);
    uint8_t dedup[32] = {0};
    n++;
    memcpy(dedup, &n, sizeof(n));
    struct store_deliver *d = store_deliver_new(body, dedup);
    for (size_t i = 0; i < 2 && recipients[i] != NULL; i++)
        store_deliver_add_remote(d, slice_from_cstr(destination), slice_from_cstr(recipients[i]));
    store_deliver_set_letter(d, SLICE_EMPTY, SLICE("alice@a.org"), NOW);
    run(&d->op);
    assert_int_equal(d->remotes[0].ret_outcome, STORE_QUEUED);
    uint64_t id = d->remotes[0].ret_due_id;
    store_op_free(&d->op);
    return id;
}

static void defer(const char *destination, int64_t next_at, const char *error) {
    struct store_queue_defer *d =
        store_queue_defer_new(slice_from_cstr(destination), NOW, next_at, slice_from_cstr(error));
    run(&d->op);
    store_op_free(&d->op);
}

static const char *const bob[2] = {"bob@x.net"};
static const char *const both[2] = {"bob@y.net", "Carol@y.net"};

#define NO(sentence) "{\"error\":\"" sentence "\",\"ok\":false}\n"
#define YES "{\"ok\":true}\n"
#define ROW_X                                                                                                          \
    "{\"destination\":\"x.net\",\"messages\":1,\"recipients\":1,\"octets\":7,\"age_s\":60,\"next_s\":0,"               \
    "\"attempts\":0,\"failing_s\":0,\"error\":\"\"}\n"
#define MEMBERS_Y                                                                                                      \
    "\"destination\":\"y.net\",\"messages\":1,\"recipients\":2,\"octets\":7,\"age_s\":60,\"next_s\":240,"              \
    "\"attempts\":1,\"failing_s\":60,\"error\":\"450 refused\""
#define DROP(destination, id) "{\"command\":\"queue-drop\",\"destination\":\"" destination "\",\"id\":" id "}\n"

static void test_queue(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    talk(c, "{\"command\":\"queue-list\"}\n", YES);
    (void)enqueue("x.net", bob);
    uint64_t id = enqueue("y.net", both);
    defer("y.net", NOW + 300, "450 refused");
    clock_set_fake(1060 * 1000, NOW + 60);
    talk(c, "{\"command\":\"queue-list\"}\n", ROW_X "{" MEMBERS_Y "}\n" YES);
    char want[1024], send[256];
    (void)snprintf(want, sizeof(want),
                   "{\"id\":%llu,\"sender\":\"alice@a.org\",\"recipients\":[\"bob@y.net\",\"Carol@y.net\"],"
                   "\"octets\":7,\"age_s\":60,\"next_s\":0,\"attempts\":0,\"reply\":\"\"}\n{" MEMBERS_Y
                   ",\"ok\":true}\n",
                   (unsigned long long)id);
    talk(c, "{\"command\":\"queue-show\",\"destination\":\" Y.Net \"}\n", want);
    // Nothing of this was deferred on its own, and all of it is tried.
    talk(c, "{\"command\":\"queue-retry\",\"destination\":\"Y.NET\"}\n", "{\"messages\":1,\"ok\":true}\n");
    talk(c, "{\"command\":\"queue-retry\",\"destination\":\"\"}\n", "{\"messages\":2,\"ok\":true}\n");
    talk(c, DROP("Y.net", "0"), YES);
    (void)snprintf(send, sizeof(send), DROP("", "%llu"), (unsigned long long)id);
    talk(c, send, YES);
    (void)snprintf(want, sizeof(want), "y.net/0;/%llu;", (unsigned long long)id);
    assert_string_equal(given_up, want);
    // A clock that was put back makes nothing negative.
    clock_set_fake(1070 * 1000, NOW - 3600);
    control_fixture_send(&fixture, c, "{\"command\":\"queue-list\"}\n", 25);
    assert_null(strstr(control_fixture_answer(c), ":-"));
    fixture.server.queue_give_up = NULL;
    talk(c, DROP("x.net", "0"), NO("this relay sends nothing to others"));
    conn_memory_free(c);
}

static void test_queue_refusals(void **state) {
    static const struct {
        const char *send, *want;
    } cases[] = {
        {"{\"command\":\"queue-retry\",\"destination\":\"\"}\n", "{\"messages\":0,\"ok\":true}\n"},
        {"{\"command\":\"queue-retry\",\"destination\":\"z.net\"}\n", NO("nothing waits for z.net")},
        {"{\"command\":\"queue-show\",\"destination\":\"z.net\"}\n", NO("nothing waits for z.net")},
        {"{\"command\":\"queue-show\",\"destination\":\" \"}\n", NO("say which destination")},
        {"{\"command\":\"queue-show\"}\n", NO("queue-show wants \\\"destination\\\", a text")},
        {DROP("z.net", "0"), NO("nothing waits for z.net")},
        {DROP("", "7"), NO("no message of this number waits")},
        {DROP("", "0"), NO("say which message, by its number, or which destination")},
        {DROP("z.net", "-1"), NO("say which message, by its number, or which destination")},
        {DROP("z.net", "\\\"1\\\""), NO("a request is one line of JSON, {\\\"command\\\": NAME, ...}")},
        {"{\"command\":\"queue-drop\",\"destination\":\"z.net\"}\n", NO("queue-drop wants \\\"id\\\", a whole number")},
    };
    struct conn *c = control_fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        talk(c, cases[i].send, cases[i].want);
    char send[512], name[STORE_DESTINATION_MAX + 2];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(send, sizeof(send), "{\"command\":\"queue-show\",\"destination\":\"%s\"}\n", name);
    talk(c, send, NO("that is no destination: it has more than 255 octets"));
    assert_string_equal(given_up, "");
    conn_memory_free(c);
}

// Each once, whatever the pages: "key":"value" or "key":number, which `parse` makes an index of.
static void expect_each_once(struct conn *c, const char *send, size_t (*index_of)(const json_t *row)) {
    control_fixture_send(&fixture, c, send, strlen(send));
    bool seen[MANY] = {0};
    size_t n = 0;
    struct slice line, rest = slice_from_cstr(control_fixture_answer(c));
    while (slice_cut(rest, '\n', &line, &rest)) {
        json_t *row = json_loadb(line.ptr, line.len, 0, NULL);
        assert_non_null(row);
        if (json_object_get(row, "ok") == NULL) {
            size_t i = index_of(row);
            assert_true(i < MANY && !seen[i]);
            seen[i] = true;
            n++;
        }
        json_decref(row);
    }
    assert_int_equal(n, MANY);
}

static size_t by_destination(const json_t *row) {
    unsigned i = MANY;
    struct slice name = slice_from_cstr(json_string_value(json_object_get(row, "destination")));
    (void)slice_to_u32(slice_sub(name, 1, name.len - 4), &i); // "d17.net"
    return i;
}

static uint64_t first_id;

static size_t by_id(const json_t *row) {
    return (size_t)((uint64_t)json_integer_value(json_object_get(row, "id")) - first_id);
}

static void test_long_lists(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "d%d.net", i);
        (void)enqueue(name, bob);
    }
    expect_each_once(c, "{\"command\":\"queue-list\"}\n", by_destination);
    for (int i = 0; i < MANY; i++) {
        uint64_t id = enqueue("x.net", bob);
        first_id = i == 0 ? id : first_id;
    }
    expect_each_once(c, "{\"command\":\"queue-show\",\"destination\":\"x.net\"}\n", by_id);
    conn_memory_free(c);
}

// ---- keys ----

static void test_dkim(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    talk(c, "{\"command\":\"dkim-list\"}\n", YES);
    talk(c, "{\"command\":\"dkim-reload\"}\n", NO("this relay does not sign: its domain is an IP address"));
    fixture.server.dkim_list = list_keys;
    fixture.server.dkim_reload = reload_keys;
    talk(c, "{\"command\":\"dkim-list\"}\n", "{\"selector\":\"one\"}\n{\"selector\":\"two\"}\n" YES);
    assert_int_equal(n_reloads, 0);
    talk(c, "{\"command\":\"dkim-reload\"}\n", YES);
    assert_int_equal(n_reloads, 1);
    conn_memory_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_queue), TEST(test_queue_refusals), TEST(test_long_lists),
                                       TEST(test_dkim)};
    return cmocka_run_group_tests_name("admin/queue_session", tests, NULL, NULL);
}
