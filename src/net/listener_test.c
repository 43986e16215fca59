// SPDX-License-Identifier: MIT
// Addresses, limits, and a listener that runs out of descriptors and comes back.
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pressure.h"
#include "net/conn_fixture.h"
#include "net/conn_internal.h"

static struct net_address address(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(25)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(25)};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return net_address_from_sockaddr((struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return net_address_from_sockaddr((struct sockaddr *)&in6);
}

static void test_address(void **state) {
    static const struct {
        const char *text, *same_limit, *other_limit;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.2", true},
        {"127.9.9.9", "::ffff:127.9.9.9", "::1", true},
        {"::1", "::2", "1::1", true},
        {"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", false},
        {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::1", false},
        {"::2", "::1", "127.0.0.1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address a = address(cases[i].text), same = address(cases[i].same_limit),
                           other = address(cases[i].other_limit);
        assert_int_equal(a.port, 25);
        assert_int_equal(net_address_is_loopback(&a), cases[i].loopback);
        struct hash128 k = net_address_limit_key(&a), ks = net_address_limit_key(&same),
                       ko = net_address_limit_key(&other);
        assert_memory_equal(&k, &ks, sizeof(k));
        assert_memory_not_equal(&k, &ko, sizeof(k));
    }
}

// Enters until refused; returns how many of each kind came in.
static void enter_all(struct conn_limits *l, struct net_address a, int got[3]) {
    enum conn_admission admission;
    memset(got, 0, 3 * sizeof(int));
    while (conn_limits_enter(l, &a, &admission))
        got[admission]++;
}

static void test_limits(void **state) {
    static const struct {
        uint32_t total, each;
        int admitted, too_many, too_many_here;
    } cases[] = {
        {1000, 10, 10, 0, 16}, {10, 1000, 10, 16, 0}, {1000, 500, 500, 0, 50}, {500, 1000, 500, 50, 0},
        {5, 5, 5, 16, 0},      {0, 5, 0, 16, 0},      {20, 18, 18, 14, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conn_limits *l = conn_limits_new(cases[i].total, cases[i].each);
        struct net_address a = address("127.0.0.1");
        int got[3];
        for (int round = 0; round < 2; round++) {
            enter_all(l, a, got);
            assert_int_equal(got[CONN_ADMITTED], cases[i].admitted);
            assert_int_equal(got[CONN_TOO_MANY], cases[i].too_many);
            assert_int_equal(got[CONN_TOO_MANY_FROM_ADDRESS], cases[i].too_many_here);
            for (int n = got[0] + got[1] + got[2]; n > 0; n--)
                conn_limits_leave(l, &a);
        }
        conn_limits_free(l);
    }
}

static void test_one_address_leaves_room_for_another(void **state) {
    struct conn_limits *l = conn_limits_new(1000, 10);
    struct net_address a = address("192.0.2.1"), b = address("192.0.2.2");
    int got_a[3], got_b[3];
    enter_all(l, a, got_a);
    enter_all(l, b, got_b);
    assert_int_equal(got_b[CONN_ADMITTED], 10);
    conn_limits_set(l, 1000, 100);
    int more[3];
    enter_all(l, b, more);
    assert_int_equal(more[CONN_ADMITTED], 100 - 26);
    for (int n = got_a[0] + got_a[2]; n > 0; n--)
        conn_limits_leave(l, &a);
    for (int n = got_b[0] + got_b[2] + more[0] + more[2]; n > 0; n--)
        conn_limits_leave(l, &b);
    conn_limits_free(l);
}

static void test_refusals(void **state) {
    struct conn_limits *limits = conn_limits_new(100, 1);
    struct service svc = {.tls_mode = LISTENER_PLAIN, .limits = limits};
    struct server s;
    server_start(&s, &svc, NULL);
    struct client clients[18];
    for (int i = 0; i < 17; i++) {
        client_connect(&clients[i], &s, 0);
        assert_int_equal(conn_admission(s.script.c), i == 0 ? CONN_ADMITTED : CONN_TOO_MANY_FROM_ADDRESS);
    }
    size_t len;
    client_call(&clients[17], &s, 0);
    assert_int_not_equal(client_read_to_end(&clients[17], &len), CLIENT_STUCK); // closed at once
    assert_int_equal(s.opened, 17);
    for (int i = 0; i < 18; i++)
        client_close(&clients[i]);
    assert_true(server_until_empty(&s, PATIENCE_MS));
    client_connect(&clients[0], &s, 0);
    assert_int_equal(conn_admission(s.script.c), CONN_ADMITTED);
    client_close(&clients[0]);
    server_stop(&s);
    conn_limits_free(limits);
}

static void test_out_of_descriptors(void **state) {
    struct server s;
    server_start(&s, &(struct service){.tls_mode = LISTENER_PLAIN}, NULL);
    struct client c;
    client_connect(&c, &s, 0);
    client_send_text(&c, "a\n");
    client_expect(&c, "a\n");
    struct client waiting = {.server = &s, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int free_fd = dup(0);
    (void)close(free_fd);
    now = before;
    now.rlim_cur = (rlim_t)free_fd;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    struct sockaddr_in to;
    socklen_t len = sizeof(to);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&to, &len), 0);
    assert_int_equal(connect(waiting.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    for (int i = 0; i < 10; i++)
        server_step(&s, true);
    assert_int_equal(s.opened, 1);
    client_send_text(&c, "b\n"); // those who are in are served
    client_expect(&c, "b\n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (s.opened == 1 && clock_mono_ms() < end)
        server_step(&s, true);
    assert_int_equal(s.opened, 2);
    client_close(&c);
    client_close(&waiting);
    server_until_empty(&s, PATIENCE_MS);
    s.opened = 0; // the script was shared
    s.script.closes = 0;
    server_stop(&s);
}

// Steps until there is something to read, or the end of it.
static ssize_t receive(struct server *s, int fd, char *ptr, size_t max) {
    ssize_t n = -1;
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; n < 0 && clock_mono_ms() < end;) {
        server_step(s, true);
        n = recv(fd, ptr, max, MSG_DONTWAIT);
    }
    return n;
}

static void test_pressure(void **state) {
    (void)state;
    static const struct {
        const char *name, *want;
        unsigned level, load;
        uint64_t descriptors;
        int64_t allowed;
        bool is_for_operators;
    } rows[] = {
        {"level 1 concerns accounts", "in", 1, 1, UINT64_MAX, 1, false},
        {"level 2", "busy\r\n", 2, 0, UINT64_MAX, 1, false},
        {"by load: it waits", "", 1, 2, UINT64_MAX, 1, false},
        {"by load, and more", "busy\r\n", 2, 3, UINT64_MAX, 1, false},
        {"too few descriptors", "busy\r\n", 0, 0, 3, 1, false},
        {"too many since the last measurement", "", 0, 0, UINT64_MAX, 0, false},
        {"operators", "in", 3, 3, 3, 0, true},
        {"and then again", "in", 0, 0, UINT64_MAX, 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned levels[PRESSURE_N_CAUSES] = {[PRESSURE_MEMORY] = rows[i].level, [PRESSURE_LOAD] = rows[i].load};
        struct server s;
        server_start(&s,
                     &(struct service){.tls_mode = LISTENER_PLAIN,
                                       .busy_reply = "busy\r\n",
                                       .is_for_operators = rows[i].is_for_operators},
                     NULL);
        pressure_publish(levels);
        (void)listener_allow(rows[i].allowed, rows[i].descriptors);
        struct sockaddr_in to;
        socklen_t len = sizeof(to);
        char got[64] = "in";
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(getsockname(s.fd, (struct sockaddr *)&to, &len), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        bool is_to_come_in = strcmp(rows[i].want, "in") == 0, waits = rows[i].want[0] == '\0';
        uint64_t end = clock_mono_ms() + (waits ? 20 : PATIENCE_MS);
        ssize_t n = is_to_come_in ? 2 : 0;
        if (!is_to_come_in && !waits)
            n = receive(&s, fd, got, sizeof(got) - 1);
        while ((waits || is_to_come_in) && s.opened == 0 && clock_mono_ms() < end)
            server_step(&s, true);
        got[n > 0 ? n : 0] = '\0';
        if (strcmp(got, rows[i].want) != 0 || s.opened != is_to_come_in)
            fail_msg("%s: got %s, %d opened, want %s", rows[i].name, got, s.opened, rows[i].want);
        if (waits)
            assert_int_equal(recv(fd, got, 1, MSG_DONTWAIT), -1);
        else if (!is_to_come_in)
            assert_int_equal(receive(&s, fd, got, 1), 0); // and closed in order
        (void)close(fd);
        server_until_empty(&s, PATIENCE_MS);
        s.script.closes = s.opened = 0;
        server_stop(&s);
    }
    static const unsigned none[PRESSURE_N_CAUSES] = {0};
    pressure_publish(none);
    (void)listener_allow(INT64_MAX, UINT64_MAX);
}

// ---- who gets the connections that are allowed ----

static int open_port(struct sockaddr_in *ret_at) {
    socklen_t len = sizeof(*ret_at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *ret_at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_at, len), 0);
    assert_int_equal(listen(fd, 256), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_at, &len), 0);
    return fd;
}

static const struct conn_ops NO_OPS = {.on_read = NULL};

static void *count_in(void *arg, struct conn *c) {
    ++*(int *)arg;
    return NULL; // closed at once
}

static void call(const struct sockaddr_in *to, int *ret_fds, int n) {
    for (int i = 0; i < n; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(ret_fds[i], (const struct sockaddr *)to, sizeof(*to)), 0);
    }
}

// Two ports of one loop. In a round `allowed` connections may come in, and then the pauses are over.
enum { CROWD = 120, ROUND_MS = 120 };

struct two_ports {
    struct loop *loop;
    struct listener *listeners[2];
    int fds[2], n_in[2];
    struct sockaddr_in at[2];
};

static void open_two(struct two_ports *p, struct conn_limits *limits_of_first) {
    *p = (struct two_ports){.loop = loop_new()};
    for (int i = 0; i < 2; i++) {
        p->fds[i] = open_port(&p->at[i]);
        const struct service svc = {
            .ops = &NO_OPS, .on_open = count_in, .arg = &p->n_in[i], .limits = i == 0 ? limits_of_first : NULL};
        p->listeners[i] = listener_new(p->fds[i], p->loop, &p->loop, 1, &svc);
    }
}

static void until_somebody_waits(int fd) {
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&waits, 1, PATIENCE_MS), 1);
}

// Returns what is left of the allowance.
static int64_t one_round(struct two_ports *p, int64_t allowed) {
    for (int i = 0; i < 2; i++)
        until_somebody_waits(p->fds[i]);
    (void)listener_allow(allowed, UINT64_MAX);
    for (uint64_t end = clock_mono_ms() + ROUND_MS; clock_mono_ms() < end; (void)poll(NULL, 0, 2))
        loop_run_ready(p->loop);
    return listener_allow(0, UINT64_MAX);
}

static void close_two(struct two_ports *p) {
    for (int i = 0; i < 2; i++) {
        listener_stop(p->listeners[i]);
        listener_free(p->listeners[i]);
        (void)close(p->fds[i]);
    }
    conn_shutdown_all(p->loop);
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; conn_count() > 0 && clock_mono_ms() < end;
         (void)poll(NULL, 0, 2))
        loop_run_ready(p->loop);
    assert_int_equal(conn_count(), 0);
    loop_free(p->loop);
}

static int allow_all(void **state) {
    (void)listener_allow(INT64_MAX, UINT64_MAX);
    return 0;
}

static void test_a_crowd_on_one_port_leaves_room_for_another(void **state) {
    struct two_ports p;
    int crowd[CROWD], one;
    open_two(&p, NULL);
    call(&p.at[0], crowd, CROWD);
    call(&p.at[1], &one, 1);
    assert_int_equal(one_round(&p, 25), 0);
    assert_int_equal(p.n_in[0] + p.n_in[1], 25); // all that are allowed, whoever wants them
    if (p.n_in[1] != 1)
        fail_msg("got %d of the crowd and %d of the others, want 24 and 1", p.n_in[0], p.n_in[1]);
    for (int i = 0; i < CROWD; i++)
        (void)close(crowd[i]);
    (void)close(one);
    close_two(&p);
}

static void test_who_is_far_over_his_share_takes_nothing_of_others(void **state) {
    struct two_ports p;
    int crowd[CROWD], one;
    struct conn_limits *limits = conn_limits_new(1000, 1);
    open_two(&p, limits);
    call(&p.at[0], crowd, CROWD);
    call(&p.at[1], &one, 1);
    int64_t left = one_round(&p, 100);
    assert_int_equal(p.n_in[1], 1);
    if (left != 100 - p.n_in[0] - p.n_in[1])
        fail_msg("got %lld left of 100, %d and %d came in", (long long)left, p.n_in[0], p.n_in[1]);
    for (int i = 0; i < CROWD; i++)
        (void)close(crowd[i]);
    (void)close(one);
    close_two(&p);
    conn_limits_free(limits);
}

// Several loops with a thread each, an accepting one, and clients that come and go from another thread.
enum { LOOPS = 3, VISITS = 300 };

static atomic_int opened, closed;

static size_t answer(void *session, const char *data, size_t len) {
    conn_write(session, data, len);
    conn_close(session);
    return len;
}
static void give_up(void *session) {
    conn_close(session);
}
static void count_closed(void *session, enum conn_end why) {
    atomic_fetch_add(&closed, 1);
}
static void *count_opened(void *arg, struct conn *c) {
    atomic_fetch_add(&opened, 1);
    conn_set_timeout(c, PATIENCE_MS);
    return c;
}

static const struct conn_ops ANSWER_OPS = {.on_read = answer, .on_timeout = give_up, .on_close = count_closed};

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static void visit(const struct sockaddr_in *to) {
    char got;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(fd, &got, 1, 0), 1);
    assert_int_equal(recv(fd, &got, 1, 0), 0);
    (void)close(fd);
}

static void test_many_loops(void **state) {
    struct loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    for (int i = 0; i < LOOPS; i++)
        loops[i] = loop_new();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    struct conn_limits *limits = conn_limits_new(1000, 1000);
    struct service svc = {.limits = limits, .ops = &ANSWER_OPS, .on_open = count_opened};
    struct listener *l = listener_new(fd, loops[0], loops, LOOPS, &svc);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, loops[i]), 0);
    for (int i = 0; i < VISITS; i++)
        visit(&at);
    for (int i = 0; i < LOOPS; i++)
        loop_stop(loops[i]);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    listener_stop(l);
    listener_free(l);
    for (int i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    assert_int_equal(atomic_load(&opened), VISITS);
    assert_int_equal(atomic_load(&closed), VISITS);
    assert_int_equal(conn_count(), 0);
    conn_limits_free(limits);
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_one_address_leaves_room_for_another),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test_teardown(test_a_crowd_on_one_port_leaves_room_for_another, allow_all),
        cmocka_unit_test_teardown(test_who_is_far_over_his_share_takes_nothing_of_others, allow_all),
        cmocka_unit_test(test_many_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
