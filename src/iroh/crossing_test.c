// SPDX-License-Identifier: MIT
// Loops with a thread each and real sockets: packets that cross, clients that come and go meanwhile, and one that does
// not read. For the thread sanitizer, too.
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "iroh/dialect_a.h"
#include "iroh/fixture.h"
#include "iroh/relay.h"
#include "net/listener.h"

enum { LOOPS = 2, PACKETS = 400, PACKET_LEN = 1000, WINDOW = 100, ROUNDS = 40, PATIENCE_S = 60 };

static struct world {
    struct loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct iroh_relay *relay;
    struct listener *listener;
    struct sockaddr_in at;
    int fd;
} w;

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static void *on_open(void *arg, struct conn *c) {
    struct iroh_session *s = iroh_session_new(iroh_relay_share(w.relay, conn_loop(c)), c);
    iroh_session_start(s, IROH_A, NULL);
    return s;
}

static int set_up(void **state) {
    static const struct iroh_limits LIMITS = {.is_on = true, .max_connections = 100, .connections_per_address = 100};
    socklen_t len = sizeof(w.at);
    w = (struct world){.at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    w.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w.fd, (struct sockaddr *)&w.at, len), 0);
    assert_int_equal(listen(w.fd, 64), 0);
    assert_int_equal(getsockname(w.fd, (struct sockaddr *)&w.at, &len), 0);
    for (int i = 0; i < LOOPS; i++)
        w.loops[i] = loop_new();
    w.relay = iroh_relay_new(&(struct iroh_settings){.loops = w.loops, .n_loops = LOOPS, .limits = LIMITS});
    struct service svc = {.tls_mode = LISTENER_PLAIN,
                          .handshake_timeout_ms = PATIENCE_S * 1000,
                          .ops = &iroh_session_ops,
                          .on_open = on_open};
    w.listener = listener_new(w.fd, w.loops[0], w.loops, LOOPS, &svc);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&w.threads[i], NULL, run_loop, w.loops[i]), 0);
    return 0;
}

static void until_empty(void) {
    uint64_t end = clock_mono_ms() + PATIENCE_S * 1000;
    while (conn_count() > 0 && clock_mono_ms() < end)
        (void)usleep(1000);
    assert_int_equal(conn_count(), 0);
}

static int tear_down(void **state) {
    until_empty();
    for (int i = 0; i < LOOPS; i++)
        loop_stop(w.loops[i]);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_join(w.threads[i], NULL), 0);
    listener_free(w.listener);
    for (int i = 0; i < LOOPS; i++)
        loop_free(w.loops[i]);
    iroh_relay_free(w.relay);
    (void)close(w.fd);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

// ---- clients, which wait ----

struct peer {
    int fd;
    uint8_t key[IROH_KEY_LEN];
    const uint8_t *to;
    pthread_t thread;
    atomic_uint *received_there; // how many the one at the other end has
    atomic_uint received;
    bool ok;
};

// A receive with a time limit ends early in a process that was stopped and goes on.
static bool read_all(int fd, void *ptr, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, (char *)ptr + at, len - at, 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

// On a slow machine the relay may have asked for a sign of life before.
static bool ping(struct peer *p) {
    char pong[13] = {0};
    bool ok = send(p->fd,
                   "\x0c\0\0\0\x08"
                   "12345678",
                   13, MSG_NOSIGNAL) == 13;
    while (ok && pong[0] != '\x0d')
        ok = read_all(p->fd, pong, 13);
    return ok && memcmp(pong,
                        "\x0d\0\0\0\x08"
                        "12345678",
                        13) == 0;
}

static void join(struct peer *p, unsigned number) {
    uint8_t secret[64], hello[IROH_A_HELLO_LEN];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    fixture_key(number, p->key, secret);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(p->fd, (struct sockaddr *)&w.at, sizeof(w.at)), 0);
    size_t len = fixture_hello_a(p->key, secret, hello);
    assert_int_equal(send(p->fd, hello, len, MSG_NOSIGNAL), len);
    assert_true(ping(p));
}

static void leave(struct peer *p) {
    (void)close(p->fd);
}

static bool send_packet(struct peer *p, const uint8_t *to, uint32_t number, size_t len) {
    uint8_t frame[IROH_A_FRAME_MAX] = {0};
    size_t n = iroh_a_write_header(IROH_A_SEND_PACKET, IROH_KEY_LEN + len, frame);
    memcpy(frame + n, to, IROH_KEY_LEN);
    memcpy(frame + n + IROH_KEY_LEN, &number, sizeof(number));
    n += IROH_KEY_LEN + len;
    return send(p->fd, frame, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool expect_packet(struct peer *p, uint32_t number) {
    uint8_t frame[IROH_A_HEADER_LEN + IROH_KEY_LEN + PACKET_LEN];
    return read_all(p->fd, frame, sizeof(frame)) && frame[0] == IROH_A_RECV_PACKET &&
           memcmp(frame + IROH_A_HEADER_LEN + IROH_KEY_LEN, &number, sizeof(number)) == 0;
}

static void *run_receiver(void *arg) {
    struct peer *p = arg;
    p->ok = true;
    for (uint32_t i = 0; i < PACKETS && p->ok; i++) {
        p->ok = expect_packet(p, i);
        atomic_fetch_add(&p->received, 1);
    }
    return NULL;
}

// Sends as fast as the other one receives, with so many under way, and what it sends arrives, in order.
static void *run_sender(void *arg) {
    struct peer *p = arg;
    p->ok = true;
    for (uint32_t i = 0; i < PACKETS && p->ok; i++) {
        while (i - atomic_load(p->received_there) >= WINDOW)
            (void)usleep(100);
        p->ok = send_packet(p, p->to, i, PACKET_LEN);
    }
    return NULL;
}

// Connections are spread over the loops in turn: 0 and 1 are on different ones, 0 and 2 on the same.
static void test_pairs(void **state) {
    enum { PAIRS = 4 };
    struct peer sender[PAIRS] = {0}, receiver[PAIRS] = {0};
    for (unsigned i = 0; i < PAIRS; i++) {
        struct peer *first = i % 2 == 0 ? &sender[i] : &receiver[i];
        join(first, 2 * i + 1);
        join(first == &sender[i] ? &receiver[i] : &sender[i], 2 * i + 2);
    }
    for (unsigned i = 0; i < PAIRS; i++) { // 0 to 0 and so on cross; 0 to 1 do not
        struct peer *to = &receiver[i];
        sender[i].to = to->key;
        sender[i].received_there = &to->received;
        assert_int_equal(pthread_create(&to->thread, NULL, run_receiver, to), 0);
        assert_int_equal(pthread_create(&sender[i].thread, NULL, run_sender, &sender[i]), 0);
    }
    for (unsigned i = 0; i < PAIRS; i++) {
        assert_int_equal(pthread_join(sender[i].thread, NULL), 0);
        assert_int_equal(pthread_join(receiver[i].thread, NULL), 0);
        if (!sender[i].ok || !receiver[i].ok)
            fail_msg("pair %u: %u packets received", i, atomic_load(&receiver[i].received));
        leave(&sender[i]);
        leave(&receiver[i]);
    }
}

static void *run_flood(void *arg) {
    struct peer *p = arg;
    p->ok = true;
    for (uint32_t i = 0; i < ROUNDS * 50 && p->ok; i++)
        p->ok = send_packet(p, p->to, i, PACKET_LEN);
    return NULL;
}

// The receiver comes again and again, each time in place of the one before, and goes in the middle of all.
static void test_receivers_come_and_go(void **state) {
    struct peer sender = {0}, receiver[2] = {0};
    uint8_t secret[64];
    join(&sender, 1);
    fixture_key(2, receiver[0].key, secret);
    sender.to = receiver[0].key;
    assert_int_equal(pthread_create(&sender.thread, NULL, run_flood, &sender), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct peer *p = &receiver[i % 2];
        uint8_t hello[IROH_A_HELLO_LEN];
        p->fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(p->fd, (struct sockaddr *)&w.at, sizeof(w.at)), 0);
        size_t len = fixture_hello_a(receiver[0].key, secret, hello);
        assert_int_equal(send(p->fd, hello, len, MSG_NOSIGNAL), len);
        (void)usleep(500);
        if (i > 0)
            leave(&receiver[(i + 1) % 2]);
    }
    leave(&receiver[(ROUNDS + 1) % 2]);
    assert_int_equal(pthread_join(sender.thread, NULL), 0);
    assert_true(sender.ok);
    leave(&sender);
}

static int64_t count_of(const char *name, size_t value) {
    int64_t n = 0;
    return metric_read(metrics_find(name), value, &n) ? n : 0;
}

// Who does not read is closed after two seconds, not before; until then no more waits for it than may, from whatever
// loop.
static void test_stalled(void **state) {
    struct peer sender[2] = {0}, receiver = {0};
    join(&receiver, 3);
    join(&sender[0], 1); // on the other loop
    join(&sender[1], 2); // on the same
    int64_t stalled = count_of("martlet_iroh_ended", IROH_END_STALLED);
    int64_t full = count_of("martlet_iroh_dropped_packets", IROH_DROP_FULL);
    uint64_t start = clock_mono_ms();
    while (count_of("martlet_iroh_ended", IROH_END_STALLED) == stalled && clock_mono_ms() < start + PATIENCE_S * 1000) {
        assert_true(send_packet(&sender[0], receiver.key, 0, IROH_PACKET_MAX));
        assert_true(send_packet(&sender[1], receiver.key, 0, IROH_PACKET_MAX));
        (void)usleep(1000);
    }
    assert_int_equal(count_of("martlet_iroh_ended", IROH_END_STALLED), stalled + 1);
    assert_true(clock_mono_ms() - start >= 1900);
    assert_true(ping(&sender[0]) && ping(&sender[1]));
    assert_true(count_of("martlet_iroh_dropped_packets", IROH_DROP_FULL) > full);
    leave(&receiver);
    leave(&sender[0]);
    leave(&sender[1]);
}

// ---- without threads ----

// A loop that has no turn for a while: what is on its way to it is bounded for each client, and for all of them by the
// memory that it takes, however small the packets.
static void test_all_on_their_way(void **state) {
    enum { RECEIVERS = 6, EACH = IROH_WAITING_MAX - 1, LEN = 10 };
    static const struct iroh_limits LIMITS = {.is_on = true, .max_connections = 100, .connections_per_address = 100};
    struct loop *loops[LOOPS] = {loop_new(), loop_new()};
    struct iroh_relay *relay =
        iroh_relay_new(&(struct iroh_settings){.loops = loops, .n_loops = LOOPS, .limits = LIMITS});
    struct fixture here = {.loop = loops[0], .relay = relay}, there = {.loop = loops[1], .relay = relay};
    struct fixture_client sender, receiver[RECEIVERS];
    client_join(&sender, &here, IROH_A, 100);
    for (unsigned i = 0; i < RECEIVERS; i++)
        client_join(&receiver[i], &there, IROH_A, i);
    int64_t full = count_of("martlet_iroh_dropped_packets", IROH_DROP_FULL);
    for (unsigned i = 0; i < RECEIVERS; i++)
        for (int n = 0; n < EACH; n++)
            client_send_packet(&sender, receiver[i].key, SLICE("0123456789"));
    size_t dropped = (size_t)(count_of("martlet_iroh_dropped_packets", IROH_DROP_FULL) - full), got = 0;
    assert_in_range(dropped, 1, RECEIVERS * EACH - 1);
    loop_run_ready(loops[1]);
    for (unsigned i = 0; i < RECEIVERS; i++)
        got += client_got(&receiver[i]).len / (IROH_A_HEADER_LEN + IROH_KEY_LEN + LEN);
    assert_int_equal(got + dropped, RECEIVERS * EACH);
    client_send_packet(&sender, receiver[0].key, SLICE("and now")); // all is as before
    loop_run_ready(loops[1]);
    assert_int_equal(client_got(&receiver[0]).len, IROH_A_HEADER_LEN + IROH_KEY_LEN + 7);
    client_free(&sender);
    for (unsigned i = 0; i < RECEIVERS; i++)
        client_free(&receiver[i]);
    for (int i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    iroh_relay_free(relay);
}

// Who has crossed is not dropped for those behind it, even if they are a few too many: the new ones are.
static void test_order_of_drops(void **state) {
    enum { LEN = 1000, FRAME = IROH_A_HEADER_LEN + IROH_KEY_LEN + LEN, BEHIND = 100 };
    static const struct iroh_limits LIMITS = {.is_on = true, .max_connections = 100, .connections_per_address = 100};
    static const char packet[LEN];
    struct loop *loops[LOOPS] = {loop_new(), loop_new()};
    struct iroh_relay *relay =
        iroh_relay_new(&(struct iroh_settings){.loops = loops, .n_loops = LOOPS, .limits = LIMITS});
    struct fixture here = {.loop = loops[0], .relay = relay}, there = {.loop = loops[1], .relay = relay};
    struct fixture_client a, b;
    client_join(&a, &here, IROH_A, 1);
    client_join(&b, &there, IROH_A, 2);
    conn_memory_block(b.c, true);
    for (int i = 0; i < IROH_WAITING_MAX + 10; i++)
        client_send_packet(&a, b.key, slice_make(packet, LEN));
    assert_int_equal(atomic_load(&b.session->client->crossing), IROH_WAITING_MAX);
    atomic_fetch_add(&b.session->client->crossing, BEHIND); // as if others had sent at the same time
    loop_run_ready(loops[1]);
    atomic_fetch_sub(&b.session->client->crossing, BEHIND);
    conn_memory_block(b.c, false);
    loop_run_ready(loops[1]);
    assert_int_equal(client_got(&b).len, IROH_WAITING_MAX * FRAME);
    client_free(&a);
    client_free(&b);
    for (int i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    iroh_relay_free(relay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_pairs),
        T(test_receivers_come_and_go),
        T(test_stalled),
        cmocka_unit_test(test_all_on_their_way),
        cmocka_unit_test(test_order_of_drops),
    };
    return cmocka_run_group_tests_name("iroh_crossing", tests, NULL, NULL);
}
