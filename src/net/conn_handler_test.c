// SPDX-License-Identifier: MIT
// A connection that changes hands: another protocol takes over, other limits count it; and UNIX sockets, whose peers
// are known by their user.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_fixture.h"
#include "net/conn_internal.h"

// ---- handlers ----

// Speaks until "switch" comes, consumes so much of that word, and hands over to `next`.
struct first {
    struct conn *c;
    struct script *next;
    size_t consumed;
    int closes;
};

static size_t first_read(void *session, const char *data, size_t len) {
    struct first *f = session;
    if (len < 7 || memcmp(data, "switch\n", 7) != 0)
        return 0;
    conn_set_handler(f->c, &SCRIPT_OPS, f->next);
    return f->consumed;
}

static void first_timeout(void *session) {
    fail_msg("the first session timed out");
}

static void first_close(void *session, enum conn_end why) {
    ((struct first *)session)->closes++;
}

static const struct conn_ops FIRST_OPS = {.on_read = first_read, .on_timeout = first_timeout, .on_close = first_close};

static void expect(struct conn *c, const char *want) {
    struct slice got = conn_memory_output(c);
    if (!slice_eq(got, slice_from_cstr(want)))
        fail_msg("got \"%.*s\" want \"%s\"", SLICE_FMT(got), want);
    conn_memory_take_output(c);
}

static void feed(struct conn *c, const char *text) {
    conn_memory_feed(c, text, strlen(text));
    loop_run_ready(conn_loop(c));
}

static void test_handler_within_on_read(void **state) {
    static const struct {
        size_t consumed;
        const char *fed[2];
        const char *answer; // of the second session, which answers each line with itself
    } cases[] = {
        {7, {"switch\n", "a\n"}, "a\n"},         {7, {"switch\na\nb\n", ""}, "a\nb\n"},
        {0, {"switch\n", "a\n"}, "switch\na\n"}, {0, {"swit", "ch\na\n"}, "switch\na\n"},
        {3, {"swit", "ch\nb\n"}, "tch\nb\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct loop *loop = loop_new();
        struct script second = {0};
        struct first first = {.next = &second, .consumed = cases[i].consumed};
        struct conn *c = first.c = second.c = conn_new_memory(loop, &FIRST_OPS, &first, false);
        feed(c, cases[i].fed[0]);
        feed(c, cases[i].fed[1]);
        expect(c, cases[i].answer);
        conn_memory_timeout(c);
        loop_run_ready(loop);
        expect(c, "late\n");
        assert_int_equal(first.closes, 0);
        assert_int_equal(second.closes, 1);
        conn_memory_free(c);
        loop_free(loop);
    }
}

// As when an answer is ready in a later turn: the first session has left octets, and waits.
static void test_handler_later(void **state) {
    for (int paused = 0; paused < 2; paused++) {
        struct loop *loop = loop_new();
        struct script second = {0};
        struct first first = {.next = &second};
        struct conn *c = first.c = second.c = conn_new_memory(loop, &FIRST_OPS, &first, false);
        feed(c, "kept\n");
        if (paused)
            conn_pause(c);
        conn_set_handler(c, &SCRIPT_OPS, &second);
        expect(c, ""); // never within the call
        loop_run_ready(loop);
        expect(c, paused ? "" : "kept\n");
        if (paused)
            conn_resume(c);
        feed(c, "new\n");
        expect(c, paused ? "kept\nnew\n" : "new\n");
        conn_memory_free(c);
        assert_int_equal(first.closes, 0);
        assert_int_equal(second.closes, 1);
        loop_free(loop);
    }
}

static void test_handler_of_a_closing_connection(void **state) {
    struct loop *loop = loop_new();
    struct script second = {0};
    struct first first = {.next = &second};
    struct conn *c = first.c = second.c = conn_new_memory(loop, &FIRST_OPS, &first, false);
    feed(c, "kept\n");
    conn_abort(c);
    conn_set_handler(c, &SCRIPT_OPS, &second);
    loop_run_ready(loop);
    assert_int_equal(second.lines, 0);
    assert_int_equal(second.closes, 1);
    assert_int_equal(first.closes, 0);
    conn_memory_free(c);
    loop_free(loop);
}

// ---- limits ----

static uint32_t room_in(struct conn_limits *l, struct net_address peer) {
    enum conn_admission admission;
    uint32_t n = 0, refused = 0;
    while (conn_limits_enter(l, &peer, &admission))
        *(admission == CONN_ADMITTED ? &n : &refused) += 1;
    for (uint32_t i = 0; i < n + refused; i++)
        conn_limits_leave(l, &peer);
    return n;
}

static void test_limits_of_a_memory_connection(void **state) {
    struct loop *loop = loop_new();
    struct script script = {0};
    struct conn_limits *a = conn_limits_new(2, 2), *b = conn_limits_new(0, 0);
    struct conn *c = script.c = conn_new_memory(loop, &SCRIPT_OPS, &script, false);
    conn_set_limits(c, a);
    conn_set_limits(c, a);
    assert_int_equal(conn_admission(c), CONN_ADMITTED);
    assert_int_equal(room_in(a, conn_peer(c)), 1);
    conn_set_limits(c, b);
    assert_int_equal(conn_admission(c), CONN_TOO_MANY);
    assert_int_equal(room_in(a, conn_peer(c)), 2);
    conn_set_limits(c, NULL);
    assert_int_equal(conn_admission(c), CONN_ADMITTED);
    conn_set_limits(c, a);
    conn_memory_free(c);
    assert_int_equal(room_in(a, (struct net_address){0}), 2);
    conn_limits_free(a); // asserts that nobody is counted any more
    conn_limits_free(b);
    loop_free(loop);
}

// A listener whose connections go over to other limits and to another session when they open.
struct front {
    struct server s;
    struct conn_limits *limits;
    struct script script;
    int opened;
    enum conn_admission admission;
};
static struct front front;

static void *front_open(void *arg, struct conn *c) {
    struct front *f = arg;
    f->opened++;
    f->script = (struct script){.c = c};
    f->s.opened++; // client_connect() waits for it
    conn_set_limits(c, f->limits);
    f->admission = conn_admission(c);
    conn_set_handler(c, &SCRIPT_OPS, &f->script);
    return &f->script;
}

static void test_limits_and_handler_within_on_open(void **state) {
    enum { OVER = 17 }; // one admitted and 16 over the limit, who are told
    static const struct service PLAIN = {.tls_mode = LISTENER_PLAIN};
    struct conn_limits *before = conn_limits_new(100, 100);
    front = (struct front){.limits = conn_limits_new(1, 1)};
    server_start(&front.s, &PLAIN, NULL);
    listener_free(front.s.listener);
    struct service svc = {.name = "front", .limits = before, .ops = &FIRST_OPS, .on_open = front_open, .arg = &front};
    front.s.listener = listener_new(front.s.fd, front.s.loop, &front.s.loop, 1, &svc);
    struct client clients[OVER + 1];
    for (int i = 0; i <= OVER; i++) {
        client_connect(&clients[i], &front.s, 0);
        assert_int_equal(front.opened, i + 1);
        bool far_over = i == OVER;
        assert_int_equal(front.admission, i > 0 ? CONN_TOO_MANY : CONN_ADMITTED);
        assert_int_equal(front.script.closes, far_over);
        if (!far_over) {
            client_send_text(&clients[i], "x\n");
            client_expect(&clients[i], "x\n");
        }
    }
    assert_int_equal(conn_count(), OVER);
    for (int i = 0; i <= OVER; i++)
        client_close(&clients[i]);
    assert_true(server_until_empty(&front.s, PATIENCE_MS));
    front.s.opened = 0; // its own session was never there
    server_stop(&front.s);
    conn_limits_free(front.limits);
    conn_limits_free(before);
}

// ---- UNIX sockets ----

static int listen_unix(const char *path) {
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    ASSERT(snprintf(here.sun_path, sizeof(here.sun_path), "%s", path) < (int)sizeof(here.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static int connect_unix(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void *unix_open(void *arg, struct conn *c) {
    struct front *f = arg;
    struct net_address peer = conn_peer(c);
    uid_t uid = (uid_t)-1;
    assert_true(net_address_is_none(&peer));
    assert_true(conn_peer_uid(c, &uid));
    assert_int_equal(uid, geteuid());
    assert_int_equal(conn_admission(c), f->opened < 3 ? CONN_ADMITTED : CONN_TOO_MANY); // no share of an address
    f->opened++;
    f->script = (struct script){.c = c};
    return &f->script;
}

static void test_unix_listener(void **state) {
    char path[] = "/tmp/martlet-XXXXXX/socket";
    path[19] = '\0';
    assert_non_null(mkdtemp(path));
    path[19] = '/';
    int fd = listen_unix(path), clients[4];
    front = (struct front){.limits = conn_limits_new(3, 1)};
    struct loop *loop = loop_new();
    struct service svc = {
        .name = "unix", .limits = front.limits, .ops = &SCRIPT_OPS, .on_open = unix_open, .arg = &front};
    struct listener *l = listener_new(fd, loop, &loop, 1, &svc);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = connect_unix(path);
        loop_run_ready(loop);
        assert_int_equal(front.opened, i + 1);
        assert_int_equal(write(clients[i], "hello\n", 6), 6);
        loop_run_ready(loop);
        char got[8] = "";
        assert_int_equal(read(clients[i], got, sizeof(got)), 6);
        assert_string_equal(got, "hello\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        (void)close(clients[i]);
    loop_run_ready(loop);
    assert_int_equal(conn_count(), 0);
    listener_free(l);
    loop_free(loop);
    conn_limits_free(front.limits);
    (void)close(fd);
    (void)unlink(path);
    path[19] = '\0';
    (void)rmdir(path);
}

static void test_others_have_no_uid(void **state) {
    static const struct service PLAIN = {.tls_mode = LISTENER_PLAIN};
    struct server s;
    struct client client;
    uid_t uid = 4711;
    server_start(&s, &PLAIN, NULL);
    client_connect(&client, &s, 0);
    assert_false(conn_peer_uid(s.script.c, &uid));
    client_close(&client);
    server_stop(&s);

    struct loop *loop = loop_new();
    struct script script = {0};
    struct conn *c = script.c = conn_new_memory(loop, &SCRIPT_OPS, &script, false);
    assert_false(conn_peer_uid(c, &uid));
    assert_int_equal(uid, 4711);
    conn_memory_free(c);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handler_within_on_read),
        cmocka_unit_test(test_handler_later),
        cmocka_unit_test(test_handler_of_a_closing_connection),
        cmocka_unit_test(test_limits_of_a_memory_connection),
        cmocka_unit_test(test_limits_and_handler_within_on_open),
        cmocka_unit_test(test_unix_listener),
        cmocka_unit_test(test_others_have_no_uid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
