// SPDX-License-Identifier: MIT
// UDP sockets on a loop: batches, order, source addresses, what is dropped, freeing at any moment.
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "net/loop.h"
#include "net/udp.h"

static struct net_address address(const char *ip, uint16_t port) {
    struct net_address a = {.port = port};
    assert_true(net_address_parse(slice_from_cstr(ip), &a));
    return a;
}

enum { SEEN_MAX = 256 };

struct seen {
    size_t n, calls, largest_batch;
    struct net_address peers[SEEN_MAX], locals[SEEN_MAX];
    size_t lens[SEEN_MAX];
    uint8_t first[SEEN_MAX], last[SEEN_MAX];
    struct udp_socket *socket;
    bool echo, free_at_once;
};

static void on_datagrams(void *arg, const struct udp_datagram *d, size_t n) {
    struct seen *seen = arg;
    seen->calls++;
    seen->largest_batch = n > seen->largest_batch ? n : seen->largest_batch;
    for (size_t i = 0; i < n; i++) {
        assert_true(seen->n < SEEN_MAX);
        seen->peers[seen->n] = d[i].peer;
        seen->locals[seen->n] = d[i].local;
        seen->lens[seen->n] = d[i].len;
        seen->first[seen->n] = d[i].len > 0 ? d[i].data[0] : 0;
        seen->last[seen->n] = d[i].len > 0 ? d[i].data[d[i].len - 1] : 0;
        seen->n++;
        if (seen->echo)
            udp_send(seen->socket, &d[i].peer, &d[i].local, slice_make((const char *)d[i].data, d[i].len));
    }
    if (seen->free_at_once) {
        udp_socket_free(seen->socket);
        seen->socket = NULL;
    }
}

// Runs the loop until that many have come; on a busy machine that may need a moment even over loopback.
static void run_until(struct loop *loop, const struct seen *seen, size_t n) {
    for (int tries = 0; tries < 60 * 1000; tries++) {
        loop_run_ready(loop);
        if (seen->n >= n)
            break;
        (void)usleep(1000);
    }
    loop_run_ready(loop);
}

static struct udp_socket *open_socket(struct loop *loop, const char *ip, struct seen *seen) {
    struct net_address a = address(ip, 0);
    int fd = udp_bind(&a);
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        return NULL;
    assert_true(fd >= 0);
    return seen->socket = udp_socket_new(loop, fd, UDP_OWNED, on_datagrams, seen);
}

static void send_octets(struct udp_socket *from, const struct net_address *to, size_t len, uint8_t first) {
    static char octets[UDP_SEND_MAX];
    memset(octets, 'x', sizeof(octets));
    octets[0] = (char)first;
    udp_send(from, to, NULL, slice_make(octets, len));
}

static int64_t dropped(void) {
    return metrics_read_sum("martlet_udp_dropped_datagrams");
}

// All that `from` has sent so far has arrived: one that is sent behind it has.
static void until_arrived(struct loop *loop, struct udp_socket *from, const char *ip) {
    struct net_address last = address(ip, 0);
    int fd = udp_bind(&last);
    assert_true(fd >= 0);
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    last = net_address_from_sockaddr((struct sockaddr *)&sa);
    send_octets(from, &last, 1, 0);
    loop_run_ready(loop);
    struct pollfd there = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&there, 1, 60 * 1000), 1);
    assert_int_equal(close(fd), 0);
}

// Both families: what is sent in one turn arrives in order, from the right address, in batches.
static void test_batches(void **state) {
    static const char *const ips[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
        struct loop *loop = loop_new(), *far = loop_new();
        struct seen a = {0}, b = {0};
        if (open_socket(loop, ips[i], &a) == NULL) {
            loop_free(loop);
            loop_free(far);
            continue;
        }
        assert_non_null(open_socket(far, ips[i], &b));
        for (size_t k = 0; k < 100; k++) // more than the loop keeps
            send_octets(a.socket, udp_socket_address(b.socket), k + 1, (uint8_t)k);
        until_arrived(loop, a.socket, ips[i]);
        run_until(far, &b, 100);
        assert_int_equal(b.n, 100);
        assert_true(b.calls < 10 && b.largest_batch == UDP_BATCH_MAX);
        for (size_t k = 0; k < 100; k++) {
            assert_int_equal(b.lens[k], k + 1);
            assert_int_equal(b.first[k], k);
            assert_memory_equal(&b.peers[k], udp_socket_address(a.socket), sizeof(b.peers[k]));
            assert_memory_equal(&b.locals[k], udp_socket_address(b.socket), sizeof(b.locals[k]));
        }
        udp_socket_free(a.socket);
        udp_socket_free(b.socket);
        loop_free(loop);
        loop_free(far);
    }
}

// A socket on all addresses learns which one was spoken to, and answers from there.
static void test_wildcard(void **state) {
    static const struct {
        const char *any, *client, *spoken_to;
    } rows[] = {
        {"0.0.0.0", "127.0.0.1", "127.0.0.5"},
        {"0.0.0.0", "127.0.0.7", "127.0.0.1"},
        {"::", "::1", "::1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop *loop = loop_new();
        struct seen server = {.echo = true}, client = {0};
        if (open_socket(loop, rows[i].any, &server) == NULL || open_socket(loop, rows[i].client, &client) == NULL) {
            udp_socket_free(server.socket);
            loop_free(loop);
            continue;
        }
        struct net_address to = address(rows[i].spoken_to, udp_socket_address(server.socket)->port);
        send_octets(client.socket, &to, 10, 1);
        run_until(loop, &client, 1);
        assert_int_equal(server.n, 1);
        assert_memory_equal(&server.locals[0], &to, sizeof(to));
        assert_int_equal(client.n, 1);
        assert_memory_equal(&client.peers[0], &to, sizeof(to));
        udp_socket_free(server.socket);
        udp_socket_free(client.socket);
        loop_free(loop);
    }
}

static void test_sizes(void **state) {
    static const struct {
        size_t len;
        bool arrives;
    } rows[] = {{0, true}, {1, true}, {1500, true}, {UDP_DATAGRAM_MAX, true}, {UDP_DATAGRAM_MAX + 1, false}};
    struct loop *loop = loop_new();
    struct seen a = {0}, b = {0};
    assert_non_null(open_socket(loop, "127.0.0.1", &a));
    assert_non_null(open_socket(loop, "127.0.0.1", &b));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t before = dropped();
        b.n = 0;
        send_octets(a.socket, udp_socket_address(b.socket), rows[i].len, 9);
        run_until(loop, &b, rows[i].arrives ? 1 : 0);
        assert_int_equal(b.n, rows[i].arrives ? 1 : 0);
        if (rows[i].arrives)
            assert_int_equal(b.lens[0], rows[i].len);
        assert_int_equal(dropped() - before, rows[i].arrives ? 0 : 1);
    }
    udp_socket_free(a.socket);
    udp_socket_free(b.socket);
    loop_free(loop);
}

// What cannot be sent takes nothing else with it.
static void test_unsendable(void **state) {
    struct loop *loop = loop_new();
    struct seen a = {0}, b = {0};
    assert_non_null(open_socket(loop, "127.0.0.1", &a));
    assert_non_null(open_socket(loop, "127.0.0.1", &b));
    struct net_address nowhere = address("127.0.0.1", 0), other_family = address("::1", 9),
                       broadcast = address("255.255.255.255", 9);
    int64_t before = dropped();
    send_octets(a.socket, udp_socket_address(b.socket), 5, 1);
    send_octets(a.socket, &nowhere, 5, 2);
    send_octets(a.socket, &other_family, 5, 3);
    send_octets(a.socket, &broadcast, 5, 3);
    send_octets(a.socket, udp_socket_address(b.socket), 5, 4);
    run_until(loop, &b, 2);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.first[1], 4);
    assert_int_equal(dropped() - before, 3);
    udp_socket_free(a.socket);
    udp_socket_free(b.socket);
    loop_free(loop);
}

// Datagrams of one length to one peer may leave in one piece; they arrive as they were sent. A train that cannot leave
// is taken apart.
static void test_trains(void **state) {
    static const struct {
        size_t lens[12]; // all to the same peer, up to the first 0
        bool to_nowhere; // every third one goes to a port that is none
    } rows[] = {
        {{100, 100, 100, 100}, false},
        {{100, 100, 99, 100, 100, 101, 1, 1, 1}, false},
        {{1400, 1400, 1400, 1401, 1401, 1400}, false},
        {{2000, 2000, 2000, 2048, 2048}, false},
        {{10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, true},
    };
    static const char *const ips[] = {"127.0.0.1", "::1", "0.0.0.0"};
    for (size_t k = 0; k < ARRAY_LEN(ips) * ARRAY_LEN(rows); k++) {
        size_t i = k % ARRAY_LEN(rows);
        const char *ip = ips[k / ARRAY_LEN(rows)];
        struct loop *loop = loop_new();
        struct seen a = {0}, b = {0};
        struct net_address source = address("127.0.0.9", 0);
        if (open_socket(loop, ip, &a) != NULL && open_socket(loop, ip[0] == ':' ? ip : "127.0.0.1", &b) != NULL) {
            size_t n = 0;
            for (; n < ARRAY_LEN(rows[i].lens) && rows[i].lens[n] > 0; n++) {
                static char octets[UDP_DATAGRAM_MAX];
                octets[0] = (char)n;
                struct slice datagram = slice_make(octets, rows[i].lens[n]);
                struct net_address nowhere = *udp_socket_address(b.socket);
                nowhere.port = 0;
                if (rows[i].to_nowhere && n % 3 == 0)
                    for (size_t m = 0; m < 4; m++)
                        udp_send(a.socket, &nowhere, &source, datagram);
                udp_send(a.socket, udp_socket_address(b.socket), &source, datagram);
            }
            run_until(loop, &b, n);
            assert_int_equal(b.n, n);
            for (size_t m = 0; m < n; m++) {
                assert_int_equal(b.lens[m], rows[i].lens[m]);
                assert_int_equal(b.first[m], m);
                if (ip[0] == '0')
                    assert_memory_equal(b.peers[m].ip, source.ip, sizeof(source.ip));
            }
        }
        udp_socket_free(a.socket);
        udp_socket_free(b.socket);
        loop_free(loop);
    }
}

static void test_freeing(void **state) {
    struct loop *loop = loop_new(), *far = loop_new();
    struct seen a = {0}, b = {.free_at_once = true}, c = {0};
    assert_non_null(open_socket(loop, "127.0.0.1", &a));
    assert_non_null(open_socket(far, "127.0.0.1", &b));
    assert_non_null(open_socket(loop, "127.0.0.1", &c));
    // In its own callback, with more to come.
    for (size_t k = 0; k < 2 * UDP_BATCH_MAX; k++)
        send_octets(a.socket, udp_socket_address(b.socket), 5, (uint8_t)k);
    until_arrived(loop, a.socket, "127.0.0.1");
    run_until(far, &b, 1);
    assert_null(b.socket);
    assert_int_equal(b.n, UDP_BATCH_MAX);
    // What was sent before goes out.
    send_octets(a.socket, udp_socket_address(c.socket), 5, 7);
    udp_socket_free(a.socket);
    run_until(loop, &c, 1);
    assert_int_equal(c.n, 1);
    udp_socket_free(c.socket);
    udp_socket_free(NULL);
    loop_free(loop);
    loop_free(far);
}

static void test_borrowed_descriptor_stays_open(void **state) {
    struct loop *loop = loop_new();
    struct net_address a = address("127.0.0.1", 0);
    int fd = udp_bind(&a);
    assert_true(fd >= 0);
    struct seen seen = {0};
    struct udp_socket *s = udp_socket_new(loop, fd, UDP_BORROWED, on_datagrams, &seen);
    assert_true(udp_socket_address(s)->port != 0);
    struct net_address again = *udp_socket_address(s);
    assert_int_equal(udp_bind(&again), -1);
    assert_int_equal(errno, EADDRINUSE);
    udp_socket_free(s);
    assert_int_equal(close(fd), 0);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_unsendable),
        cmocka_unit_test(test_trains),
        cmocka_unit_test(test_freeing),
        cmocka_unit_test(test_borrowed_descriptor_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
