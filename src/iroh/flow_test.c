// SPDX-License-Identifier: MIT
// Clients that do not read, or send too much: queues, what is dropped, what goes first, and how fast is read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/fixture.h"
#include "iroh/relay.h"

enum { A_HEAD = IROH_A_HEADER_LEN + IROH_KEY_LEN };

static struct fixture f;

static int set_up(void **state) {
    fixture_start(&f, NULL);
    return 0;
}

static int tear_down(void **state) {
    fixture_stop(&f);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int64_t dropped_full(void) {
    int64_t n = 0;
    return metric_read(metrics_find("martlet_iroh_dropped_packets"), IROH_DROP_FULL, &n) ? n : 0;
}

// `n` packets of `len` octets, each with its number in front.
static void send_numbered(struct fixture_client *from, const struct fixture_client *to, uint32_t n, size_t len) {
    char *packet = mem_zalloc(1, len);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(packet, &i, sizeof(i));
        client_send_packet(from, to->key, slice_make(packet, len));
    }
    free(packet);
}

// Numbered packets have come in the order of their numbers, without a gap; returns how many.
static uint32_t count_numbered(struct fixture_client *k) {
    struct slice got = client_got(k), payload;
    uint32_t n = 0, number;
    uint8_t type;
    size_t before = IROH_KEY_LEN + (k->d == IROH_A ? 0 : 1);
    while (fixture_next_frame(k->d, &got, &type, &payload)) {
        assert_int_equal(type, k->d == IROH_A ? IROH_A_RECV_PACKET : IROH_B_RECV_DATAGRAM);
        memcpy(&number, payload.ptr + before, sizeof(number));
        assert_int_equal(number, n);
        n++;
    }
    return n;
}

// 512 packets wait, behind what the connection has taken; new ones are dropped; nothing else happens.
static void test_512_packets(void **state) {
    enum { LEN = 200, SENT = 2000 };
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    conn_memory_block(b.c, true);
    int64_t before = dropped_full();
    send_numbered(&a, &b, SENT, LEN);
    uint32_t ahead = IROH_AHEAD / (A_HEAD + LEN) + 1;
    assert_int_equal(b.session->waiting.count, IROH_WAITING_MAX);
    assert_int_equal(dropped_full() - before, SENT - IROH_WAITING_MAX - ahead);
    conn_memory_block(b.c, false);
    loop_run_ready(f.loop);
    assert_int_equal(count_numbered(&b), IROH_WAITING_MAX + ahead);
    assert_null(b.session->waiting.first); // an idle session owns no memory for packets
    send_numbered(&a, &b, 100, LEN);       // and all is as before
    assert_int_equal(count_numbered(&b), 100);
    client_free(&a);
    client_free(&b);
}

static void test_one_mebibyte(void **state) {
    enum { LEN = 50000, SENT = 100 };
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    conn_memory_block(b.c, true);
    send_numbered(&a, &b, SENT, LEN);
    size_t waits = b.session->waiting.octets + conn_out_len(b.c);
    assert_in_range(waits, IROH_WAITING_OCTETS_MAX - LEN - A_HEAD, IROH_WAITING_OCTETS_MAX);
    conn_memory_block(b.c, false);
    loop_run_ready(f.loop);
    assert_int_equal(count_numbered(&b), waits / (LEN + A_HEAD));
    client_free(&a);
    client_free(&b);
}

// Of all clients together no more waits than may, however little it is of each.
static void test_all_together(void **state) {
    enum { LEN = 20000 };
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    conn_memory_block(b.c, true);
    struct iroh_share *share = iroh_relay_share(f.relay, f.loop);
    size_t others = IROH_WAITING_ALL_MAX - 2 * (LEN + A_HEAD) - 100; // and what the queue itself needs
    share->waiting_memory += others;
    int64_t before = dropped_full();
    send_numbered(&a, &b, 6, LEN); // two go to the connection, and two wait
    share->waiting_memory -= others;
    assert_int_equal(b.session->waiting.count, 2);
    assert_int_equal(dropped_full() - before, 2);
    conn_memory_block(b.c, false);
    loop_run_ready(f.loop);
    assert_int_equal(count_numbered(&b), 4);
    assert_int_equal(share->waiting_memory, 0);
    conn_memory_block(b.c, true);
    // What counts is the memory, which is not small for a single small packet.
    send_numbered(&a, &b, IROH_AHEAD / (A_HEAD + 100) + 2, 100);
    assert_int_equal(share->waiting_memory, b.session->waiting.memory);
    assert_true(b.session->waiting.memory > 2 * b.session->waiting.octets);
    client_free(&a);
    client_free(&b);
}

// What waits goes with the client.
static void test_closing_with_a_full_queue(void **state) {
    struct fixture_client a, b;
    client_join(&a, &f, IROH_B_V2, 1);
    client_join(&b, &f, IROH_B_V2, 2);
    conn_memory_block(b.c, true);
    send_numbered(&a, &b, 100, 5000);
    client_free(&b);
    client_free(&a);
}

// Behind no more than the connection has already.
static void test_pong_goes_first(void **state) {
    enum { LEN = 1000 };
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    conn_memory_block(b.c, true);
    send_numbered(&a, &b, 1000, LEN);
    client_send(&b, IROH_A_PING, "12345678", 8);
    conn_memory_block(b.c, false);
    loop_run_ready(f.loop);
    struct slice got = client_got(&b), payload, all = got;
    uint8_t type = 0;
    uint32_t packets = 0;
    while (fixture_next_frame(IROH_A, &got, &type, &payload) && type != IROH_A_PONG)
        packets++;
    assert_int_equal(type, IROH_A_PONG);
    assert_in_range(all.len - got.len, 1, IROH_AHEAD + LEN + A_HEAD + 13);
    assert_in_range(packets, 1, IROH_AHEAD / LEN + 1);
    assert_true(got.len > 500 * LEN);
    client_free(&a);
    client_free(&b);
}

// A client that does not read asks for Pongs without end: it is not heard any more, and nothing grows.
static void test_pings_without_end(void **state) {
    struct fixture_client k;
    client_join(&k, &f, IROH_A, 1);
    conn_memory_block(k.c, true);
    char pings[13 * 1000];
    for (size_t i = 0; i < sizeof(pings); i += 13)
        memcpy(pings + i,
               "\x0c\0\0\0\x08"
               "12345678",
               13);
    for (int i = 0; i < 200; i++)
        client_feed(&k, pings, sizeof(pings));
    assert_in_range(conn_out_len(k.c), CONN_OUT_HIGH, CONN_OUT_HIGH + CONN_INPUT_MAX);
    conn_memory_block(k.c, false);
    loop_run_ready(f.loop);
    assert_int_equal(client_got(&k).len, 200 * sizeof(pings));
    client_free(&k);
}

// Who sends more than the bandwidth is read more slowly, and loses nothing.
static void test_bandwidth(void **state) {
    enum { BANDWIDTH = 100 * 1000, LEN = 1000, SENT = 500 };
    struct iroh_limits limits = {
        .is_on = true, .max_connections = 10, .connections_per_address = 10, .bandwidth = BANDWIDTH};
    iroh_relay_set_limits(f.relay, &limits);
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    send_numbered(&a, &b, 5, LEN);
    assert_false(conn_is_paused(a.c)); // a tenth of it at once
    send_numbered(&a, &b, SENT, LEN);
    assert_true(conn_is_paused(a.c));
    (void)client_got(&b);
    uint64_t start = clock_mono_ms();
    int looks = 0;
    size_t octets = 0;
    while (clock_mono_ms() < start + 20000) {
        fixture_pass_ms(10);
        iroh_liveness_look(a.session);
        loop_run_ready(f.loop);
        octets += client_got(&b).len;
        looks++;
        // Never much more than it should be: a turn's share of input in front, and the burst.
        uint64_t fair = (clock_mono_ms() - start) * BANDWIDTH / 1000;
        if (octets > fair + 64 * 1024 + BANDWIDTH / 10 + 2 * (LEN + A_HEAD))
            fail_msg("%zu octets after %d looks, fair are %llu", octets, looks, (unsigned long long)fair);
        if (conn_is_closing(a.c))
            fail_msg("closed");
    }
    assert_false(conn_is_paused(a.c));
    assert_in_range(octets, (SENT - 20) * (LEN + A_HEAD), SENT * (LEN + A_HEAD));
    client_free(&a);
    client_free(&b);
}

// The time that we do not read is not counted against the client.
static void test_paused_client_is_not_silent(void **state) {
    struct iroh_limits limits = {
        .is_on = true, .max_connections = 10, .connections_per_address = 10, .bandwidth = 1000};
    struct fixture_client k;
    client_join(&k, &f, IROH_A, 1);
    iroh_relay_set_limits(f.relay, &limits);
    uint8_t nobody[IROH_KEY_LEN] = {0};
    char packet[60000] = {0};
    client_send_packet(&k, nobody, slice_make(packet, sizeof(packet))); // for a minute
    assert_true(conn_is_paused(k.c));
    for (int i = 0; i < 59; i++) {
        fixture_pass_ms(1000);
        iroh_liveness_look(k.session);
        loop_run_ready(f.loop);
        assert_false(client_is_closed(&k));
        assert_int_equal(client_got(&k).len, 0);
    }
    fixture_pass_ms(2000);
    iroh_liveness_look(k.session);
    loop_run_ready(f.loop);
    assert_false(conn_is_paused(k.c));
    assert_int_equal(client_got(&k).len, 0);
    client_free(&k);
}

// Nor is it for the client: who has not proved its key in time is closed, also while it is not read.
static void test_flood_instead_of_a_proof(void **state) {
    struct iroh_limits limits = {
        .is_on = true, .max_connections = 10, .connections_per_address = 10, .bandwidth = 1000};
    iroh_relay_set_limits(f.relay, &limits);
    struct fixture_client k;
    client_connect(&k, &f, IROH_B_V2, 1);
    static const uint8_t text[60000];
    uint8_t frame[sizeof(text) + WEBSOCKET_CLIENT_HEADER_MAX];
    client_feed(&k, frame, fixture_websocket(0x81, text, sizeof(text), frame)); // skipped, and paid for with a minute
    assert_true(conn_is_paused(k.c));
    fixture_pass_ms(IROH_B_HELLO_MS - 1);
    iroh_liveness_look(k.session);
    loop_run_ready(f.loop);
    assert_false(client_is_closed(&k));
    fixture_pass_ms(1);
    iroh_liveness_look(k.session);
    loop_run_ready(f.loop);
    bool is_closed = client_is_closed(&k);
    client_free(&k);
    assert_true(is_closed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_512_packets),
        T(test_one_mebibyte),
        T(test_all_together),
        T(test_closing_with_a_full_queue),
        T(test_pong_goes_first),
        T(test_pings_without_end),
        T(test_bandwidth),
        T(test_paused_client_is_not_silent),
        T(test_flood_instead_of_a_proof),
    };
    return cmocka_run_group_tests_name("iroh_flow", tests, NULL, NULL);
}
