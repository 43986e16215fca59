// SPDX-License-Identifier: MIT
// Clients of both dialects on one loop: handshakes, forwarding, every way to be closed, signs of life, duplicates.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/directory.h"
#include "iroh/fixture.h"
#include "iroh/relay.h"
#include "net/listener.h"

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

static const enum iroh_dialect DIALECTS[] = {IROH_A, IROH_B_V1, IROH_B_V2};

// The next frame has this type and payload.
static void assert_frame(enum iroh_dialect d, struct slice *got, uint8_t want_type, struct slice want) {
    uint8_t type = 0;
    struct slice payload = SLICE_EMPTY;
    if (!fixture_next_frame(d, got, &type, &payload))
        fail_msg("dialect %d: nothing, want type %u", d, want_type);
    if (type != want_type || !slice_eq(payload, want))
        fail_msg("dialect %d: got type %u with %zu octets, want %u with %zu", d, type, payload.len, want_type,
                 want.len);
}

static void assert_nothing(struct fixture_client *k) {
    size_t len = client_got(k).len;
    if (len != 0)
        fail_msg("got %zu octets, want none", len);
}

static uint8_t ping_type(enum iroh_dialect d) {
    return d == IROH_A ? IROH_A_PING : IROH_B_PING;
}

static uint8_t pong_type(enum iroh_dialect d) {
    return d == IROH_A ? IROH_A_PONG : IROH_B_PONG;
}

// It is alive: a Ping gets its Pong, and nothing else comes.
static void assert_alive(struct fixture_client *k) {
    client_send(k, ping_type(k->d), "12345678", 8);
    struct slice got = client_got(k);
    assert_frame(k->d, &got, pong_type(k->d), SLICE("12345678"));
    assert_int_equal(got.len, 0);
}

// `k` got this packet from `from`, and nothing else.
static void assert_packet(struct fixture_client *k, const struct fixture_client *from, struct slice packet) {
    char want[64 + 1024];
    size_t ecn = k->d == IROH_A ? 0 : 1;
    memcpy(want, from->key, IROH_KEY_LEN);
    want[IROH_KEY_LEN] = 0;
    assert_true(packet.len <= 1024);
    memcpy(want + IROH_KEY_LEN + ecn, packet.ptr, packet.len);
    struct slice got = client_got(k);
    assert_frame(k->d, &got, k->d == IROH_A ? IROH_A_RECV_PACKET : IROH_B_RECV_DATAGRAM,
                 slice_make(want, IROH_KEY_LEN + ecn + packet.len));
    assert_int_equal(got.len, 0);
}

// ---- handshakes ----

static void test_hello_in_pieces(void **state) {
    for (size_t cut = 1; cut < IROH_A_HELLO_LEN; cut++) {
        struct fixture_client k;
        client_connect(&k, &f, IROH_A, 1);
        uint8_t hello[IROH_A_HELLO_LEN];
        size_t len = fixture_hello_a(k.key, k.secret, hello);
        client_feed(&k, hello, cut);
        assert_null(k.session->client);
        client_feed(&k, hello + cut, len - cut);
        assert_non_null(k.session->client);
        assert_nothing(&k);
        assert_alive(&k);
        client_free(&k);
    }
}

static void test_hello_b(void **state) {
    for (size_t i = 1; i < ARRAY_LEN(DIALECTS); i++) {
        struct fixture_client k;
        client_connect(&k, &f, DIALECTS[i], 1);
        struct slice got = client_got(&k);
        assert_frame(k.d, &got, IROH_B_SERVER_CHALLENGE, slice_make((const char *)k.session->challenge, 16));
        uint8_t hello[128];
        client_feed(&k, hello, fixture_hello_b(k.key, k.secret, k.session->challenge, hello));
        got = client_got(&k);
        assert_frame(k.d, &got, IROH_B_SERVER_CONFIRMS_AUTH, SLICE_EMPTY);
        assert_int_equal(got.len, 0);
        assert_alive(&k);
        client_free(&k);
    }
}

static int64_t failures(size_t why) {
    int64_t n = 0;
    return metric_read(metrics_find("martlet_iroh_handshake_failures"), why, &n) ? n : 0;
}

// An octet of ClientInfo is another one: what it says then, and how it is counted.
static void test_bad_hello_a(void **state) {
    static const struct {
        size_t at;
        const char *answer;
        enum iroh_failure counted;
    } CASES[] = {
        {0, NULL, IROH_HELLO_MALFORMED},                     // type
        {4, NULL, IROH_HELLO_MALFORMED},                     // length
        {5, NULL, IROH_HELLO_MALFORMED},                     // magic
        {14, "not authenticated", IROH_HELLO_UNPROVED},      // key
        {14 + 32, "not authenticated", IROH_HELLO_UNPROVED}, // signature
        {14 + 96, "not authenticated", IROH_HELLO_UNPROVED}, // version
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct fixture_client k;
        client_connect(&k, &f, IROH_A, 1);
        uint8_t hello[IROH_A_HELLO_LEN];
        size_t len = fixture_hello_a(k.key, k.secret, hello);
        hello[CASES[i].at] ^= 1;
        int64_t before = failures(CASES[i].counted);
        client_feed(&k, hello, len);
        assert_true(client_is_closed(&k));
        struct slice got = client_got(&k);
        if (CASES[i].answer != NULL)
            assert_frame(IROH_A, &got, IROH_A_HEALTH, slice_from_cstr(CASES[i].answer));
        assert_int_equal(got.len, 0);
        assert_int_equal(failures(CASES[i].counted), before + 1);
        client_free(&k);
    }
}

static void test_bad_hello_b(void **state) {
    struct fixture_client k;
    uint8_t hello[128], other[16] = {0};
    client_connect(&k, &f, IROH_B_V2, 1);
    (void)client_got(&k);
    client_feed(&k, hello, fixture_hello_b(k.key, k.secret, other, hello)); // of another challenge: a replay
    struct slice got = client_got(&k);
    assert_frame(k.d, &got, IROH_B_SERVER_DENIES_AUTH, SLICE("\x11signature invalid"));
    assert_true(client_is_closed(&k));
    client_free(&k);

    client_connect(&k, &f, IROH_B_V2, 1);
    client_send(&k, IROH_B_PING, "12345678", 8); // before it has proved its key
    assert_true(client_is_closed(&k));
    client_free(&k);
}

static void test_hello_in_time(void **state) {
    static const uint64_t LIMITS[] = {10000, 30000, 30000};
    for (size_t i = 0; i < ARRAY_LEN(DIALECTS); i++) {
        struct fixture_client k;
        client_connect(&k, &f, DIALECTS[i], 1);
        fixture_pass_ms(LIMITS[i] - 1);
        iroh_liveness_look(k.session);
        loop_run_ready(f.loop);
        assert_false(client_is_closed(&k));
        int64_t before = failures(IROH_HELLO_TIMED_OUT);
        fixture_pass_ms(1);
        iroh_liveness_look(k.session);
        loop_run_ready(f.loop);
        assert_true(client_is_closed(&k));
        assert_int_equal(failures(IROH_HELLO_TIMED_OUT), before + 1);
        client_free(&k);
    }
}

// ---- forwarding ----

static void test_forwarding(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(DIALECTS); i++) {
        for (size_t j = 0; j < ARRAY_LEN(DIALECTS); j++) {
            struct fixture_client a, b;
            client_join(&a, &f, DIALECTS[i], 1);
            client_join(&b, &f, DIALECTS[j], 2);
            client_send_packet(&a, b.key, SLICE("a packet"));
            if (iroh_is_b(a.d) == iroh_is_b(b.d))
                assert_packet(&b, &a, SLICE("a packet"));
            else
                assert_nothing(&b); // never mixed
            assert_nothing(&a);
            client_send_packet(&a, a.key, SLICE("to myself"));
            assert_packet(&a, &a, SLICE("to myself"));
            client_free(&b);
            client_send_packet(&a, b.key, SLICE("nobody is there"));
            assert_nothing(&a);
            assert_alive(&a);
            client_free(&a);
        }
    }
    assert_int_equal(iroh_directory_count(f.relay->directory), 0);
}

// The same row of frames, cut at each octet, arrives as the same packets.
static void test_frames_in_pieces(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(DIALECTS); i++) {
        struct fixture_client a, b;
        client_join(&a, &f, DIALECTS[i], 1);
        client_join(&b, &f, DIALECTS[i], 2);
        char row[512], want[1024];
        size_t len = 0;
        for (int n = 0; n < 3; n++) {
            char payload[64];
            size_t ecn = a.d == IROH_A ? 0 : 1;
            memcpy(payload, b.key, IROH_KEY_LEN);
            payload[IROH_KEY_LEN] = 0;
            memset(payload + IROH_KEY_LEN + ecn, 'a' + n, 10);
            uint8_t *at = (uint8_t *)row + len;
            if (a.d == IROH_A) {
                len += iroh_a_write_header(IROH_A_SEND_PACKET, IROH_KEY_LEN + 10, at);
                memcpy(row + len, payload, IROH_KEY_LEN + 10);
                len += IROH_KEY_LEN + 10;
            } else {
                char message[64];
                message[0] = IROH_B_SEND_DATAGRAM;
                memcpy(message + 1, payload, IROH_KEY_LEN + 11);
                len += fixture_websocket(0x82, message, 1 + IROH_KEY_LEN + 11, at);
            }
        }
        client_feed(&a, row, len);
        struct slice got = client_got(&b);
        size_t want_len = got.len;
        assert_in_range(want_len, 3 * (IROH_KEY_LEN + 10), sizeof(want));
        memcpy(want, got.ptr, want_len);
        for (size_t cut = 1; cut < len; cut++) {
            client_feed(&a, row, cut);
            client_feed(&a, row + cut, len - cut);
            got = client_got(&b);
            assert_int_equal(got.len, want_len);
            assert_memory_equal(got.ptr, want, want_len);
        }
        client_free(&a);
        client_free(&b);
    }
}

// The largest packets there are, both as one of many pieces of a turn and alone.
static void test_large_packets(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(DIALECTS); i++) {
        struct fixture_client a, b;
        client_join(&a, &f, DIALECTS[i], 1);
        client_join(&b, &f, DIALECTS[i], 2);
        size_t len = a.d == IROH_A ? IROH_PACKET_MAX : IROH_PACKET_MAX - IROH_KEY_LEN - 1;
        char *packet = mem_alloc(len + 1);
        for (size_t k = 0; k < len + 1; k++)
            packet[k] = (char)(k * 31 >> 3);
        for (int n = 0; n < 3; n++) {
            client_send_packet(&a, b.key, slice_make(packet, len));
            struct slice got = client_got(&b), payload;
            uint8_t type;
            assert_true(fixture_next_frame(b.d, &got, &type, &payload));
            assert_memory_equal(payload.ptr, a.key, IROH_KEY_LEN);
            assert_true(slice_eq(slice_sub(payload, payload.len - len, payload.len), slice_make(packet, len)));
        }
        client_send_packet(&a, b.key, slice_make(packet, len + 1));
        assert_true(client_is_closed(&a));
        assert_nothing(&b);
        free(packet);
        client_free(&a);
        client_free(&b);
    }
}

static void test_batch(void **state) {
    struct fixture_client a, b;
    client_join(&a, &f, IROH_B_V1, 1);
    client_join(&b, &f, IROH_B_V2, 2);
    char payload[IROH_KEY_LEN + 11], want[IROH_KEY_LEN + 11];
    memcpy(payload, b.key, IROH_KEY_LEN);
    memcpy(payload + IROH_KEY_LEN,
           "\x03\x00\x04"
           "datagram",
           11);
    memcpy(want, a.key, IROH_KEY_LEN);
    memcpy(want + IROH_KEY_LEN, payload + IROH_KEY_LEN, 11);
    client_send(&a, IROH_B_SEND_BATCH, payload, sizeof(payload));
    struct slice got = client_got(&b);
    assert_frame(b.d, &got, IROH_B_RECV_BATCH, slice_make(want, sizeof(want)));
    client_send(&a, IROH_B_SEND_BATCH, payload, IROH_KEY_LEN + 3); // nothing in it: not forwarded
    assert_nothing(&b);
    assert_alive(&a);
    client_free(&a);
    client_free(&b);
}

static void test_websocket(void **state) {
    struct fixture_client a, b;
    uint8_t frame[512], message[64] = {IROH_B_SEND_DATAGRAM};
    client_join(&a, &f, IROH_B_V2, 1);
    client_join(&b, &f, IROH_B_V2, 2);
    memcpy(message + 1, b.key, IROH_KEY_LEN);
    memcpy(message + 1 + IROH_KEY_LEN, "\0fragments", 10);
    client_feed(&a, frame, fixture_websocket(0x02, message, 20, frame)); // the first of two
    client_feed(&a, frame, fixture_websocket(0x89, "hi", 2, frame));     // a ping between them
    struct slice got = client_got(&a);
    assert_true(slice_eq(got, SLICE("\x8a\x02hi")));
    assert_nothing(&b);
    client_feed(&a, frame, fixture_websocket(0x80, message + 20, 1 + IROH_KEY_LEN + 10 - 20, frame));
    assert_packet(&b, &a, SLICE("fragments"));
    client_feed(&a, frame, fixture_websocket(0x81, "text", 4, frame)); // skipped
    assert_alive(&a);
    client_feed(&a, frame, fixture_websocket(0x88, "\x03\xe8", 2, frame)); // close
    assert_true(client_is_closed(&a));
    assert_true(slice_eq(client_got(&a), SLICE("\x88\x02\x03\xe8")));
    client_feed(&b, "\x82\x01x", 3); // not masked
    assert_true(client_is_closed(&b));
    assert_true(slice_eq(client_got(&b), SLICE("\x88\x02\x03\xea")));
    client_free(&a);
    client_free(&b);
}

// What closes a connection, and what does not.
static void test_frames_that_close(void **state) {
    static const struct {
        enum iroh_dialect d;
        uint8_t type;
        size_t len;
        bool closes;
    } CASES[] = {
        {IROH_A, IROH_A_SEND_PACKET, 31, true},
        {IROH_A, IROH_A_SEND_PACKET, 32, false},
        {IROH_A, IROH_A_RECV_PACKET, 40, false},
        {IROH_A, IROH_A_KEEP_ALIVE, 0, false},
        {IROH_A, IROH_A_KEEP_ALIVE, 1, true},
        {IROH_A, IROH_A_NOTE_PREFERRED, 1, false},
        {IROH_A, IROH_A_NODE_GONE, 32, false},
        {IROH_A, IROH_A_PING, 7, true},
        {IROH_A, IROH_A_PONG, 9, true},
        {IROH_A, IROH_A_HEALTH, 4, true},
        {IROH_A, IROH_A_RESTARTING, 8, false},
        {IROH_A, IROH_A_CLIENT_INFO, 106, true},
        {IROH_A, 3, 0, true},
        {IROH_A, 255, 0, true},
        {IROH_B_V2, IROH_B_SEND_DATAGRAM, 32, true},
        {IROH_B_V2, IROH_B_SEND_DATAGRAM, 33, false},
        {IROH_B_V2, IROH_B_SEND_BATCH, 34, true},
        {IROH_B_V2, IROH_B_PING, 7, true},
        {IROH_B_V2, IROH_B_STATUS, 1, true},
        {IROH_B_V1, IROH_B_HEALTH, 4, true},
        {IROH_B_V1, IROH_B_CLIENT_AUTH, 97, true},
        {IROH_B_V1, 64, 8, true},
    };
    static const uint8_t payload[128];
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct fixture_client k;
        client_join(&k, &f, CASES[i].d, 1);
        client_send(&k, CASES[i].type, payload, CASES[i].len);
        if (client_is_closed(&k) != CASES[i].closes)
            fail_msg("case %zu: got %d, want %d", i, client_is_closed(&k), CASES[i].closes);
        client_free(&k);
    }
}

static void test_relay_only(void **state) {
    struct iroh_limits limits = {
        .is_on = true, .max_connections = 10, .connections_per_address = 10, .relay_only = true};
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_A, 2);
    client_send_packet(&a, b.key, SLICE("\x10\x00TS\xf0\x9f\x92\xac and so on"));
    assert_packet(&b, &a, SLICE("\x10\x00TS\xf0\x9f\x92\xac and so on"));
    iroh_relay_set_limits(f.relay, &limits);
    client_send_packet(&a, b.key, SLICE("\x10\x00TS\xf0\x9f\x92\xac and so on"));
    assert_nothing(&b);
    client_send_packet(&a, b.key, SLICE("TS\xf0\x9f\x92\xac"));
    assert_packet(&b, &a, SLICE("TS\xf0\x9f\x92\xac"));
    client_free(&a);
    client_free(&b);
}

// ---- signs of life ----

static void look(struct fixture_client *k) {
    iroh_liveness_look(k->session);
    loop_run_ready(f.loop);
}

// Passes time until the client gets a Ping; copies what it carries.
static uint64_t wait_for_ping(struct fixture_client *k, uint8_t ret[IROH_PING_LEN]) {
    uint64_t start = clock_mono_ms();
    while (clock_mono_ms() < start + 30000) {
        look(k);
        struct slice got = client_got(k), payload;
        uint8_t type;
        if (fixture_next_frame(k->d, &got, &type, &payload)) {
            assert_int_equal(type, ping_type(k->d));
            assert_int_equal(payload.len, IROH_PING_LEN);
            memcpy(ret, payload.ptr, IROH_PING_LEN);
            return clock_mono_ms() - start;
        }
        fixture_pass_ms(50);
    }
    fail_msg("no Ping came");
    return 0;
}

static void test_ping(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(DIALECTS); i++) {
        struct fixture_client k;
        uint8_t ping[IROH_PING_LEN], again[IROH_PING_LEN];
        client_join(&k, &f, DIALECTS[i], 1);
        fixture_pass_ms(10000);
        assert_alive(&k); // a frame of the client: the time starts anew
        assert_in_range(wait_for_ping(&k, ping), 16000, 20050);
        fixture_pass_ms(4999);
        look(&k);
        client_send(&k, pong_type(k.d), ping, sizeof(ping));
        fixture_pass_ms(1);
        look(&k);
        assert_in_range(wait_for_ping(&k, again), 15999, 20050);
        assert_memory_not_equal(ping, again, sizeof(ping));
        client_send(&k, pong_type(k.d), ping, sizeof(ping)); // only the latest counts
        fixture_pass_ms(4999);
        look(&k);
        assert_false(client_is_closed(&k));
        fixture_pass_ms(1);
        look(&k);
        assert_true(client_is_closed(&k));
        client_free(&k);
    }
}

// ---- duplicates ----

static void test_replaced(void **state) {
    struct fixture_client old, new, other;
    client_join(&other, &f, IROH_A, 2);
    client_join(&old, &f, IROH_A, 1);
    client_send_packet(&other, old.key, SLICE("one"));
    assert_packet(&old, &other, SLICE("one"));
    client_join(&new, &f, IROH_A, 1);
    assert_true(client_is_closed(&old));
    client_send_packet(&other, old.key, SLICE("two"));
    assert_packet(&new, &other, SLICE("two"));
    client_free(&old);
    client_send_packet(&other, old.key, SLICE("three"));
    assert_packet(&new, &other, SLICE("three"));
    client_free(&new);
    client_free(&other);
}

static void assert_status(struct fixture_client *k, bool is_active) {
    struct slice got = client_got(k), payload;
    uint8_t type;
    if (k->d == IROH_B_V2) {
        assert_frame(k->d, &got, IROH_B_STATUS, is_active ? SLICE("\0") : SLICE("\1"));
    } else {
        assert_true(fixture_next_frame(k->d, &got, &type, &payload));
        assert_int_equal(type, IROH_B_HEALTH);
        if (!is_active)
            assert_true(
                slice_eq(payload, SLICE("Another endpoint connected with the same endpoint id. No more messages "
                                        "will be received.")));
    }
    assert_int_equal(got.len, 0);
}

static void test_inactive(void **state) {
    struct fixture_client k[7], other;
    client_join(&other, &f, IROH_B_V2, 2);
    for (size_t i = 0; i < 6; i++) {
        client_join(&k[i], &f, i % 2 == 0 ? IROH_B_V2 : IROH_B_V1, 1);
        if (i > 0)
            assert_status(&k[i - 1], false);
        client_send_packet(&other, k[0].key, SLICE("for the newest"));
        assert_packet(&k[i], &other, SLICE("for the newest"));
    }
    assert_true(client_is_closed(&k[0])); // four of them may wait
    for (size_t i = 1; i < 6; i++)
        assert_false(client_is_closed(&k[i]));
    assert_alive(&k[1]);
    client_send_packet(&k[2], other.key, SLICE("still heard"));
    assert_packet(&other, &k[2], SLICE("still heard"));
    client_free(&k[3]); // one of those that wait
    client_free(&k[5]); // the active one
    assert_status(&k[4], true);
    client_send_packet(&other, k[0].key, SLICE("again"));
    assert_packet(&k[4], &other, SLICE("again"));
    client_free(&k[4]);
    assert_status(&k[2], true);
    client_free(&k[1]);
    client_send_packet(&other, k[0].key, SLICE("and again"));
    assert_packet(&k[2], &other, SLICE("and again"));
    client_free(&k[2]);
    client_free(&k[0]);
    client_free(&other);
    assert_int_equal(iroh_directory_count(f.relay->directory), 0);
}

static void test_same_key_in_both_dialects(void **state) {
    struct fixture_client a, b;
    client_join(&a, &f, IROH_A, 1);
    client_join(&b, &f, IROH_B_V2, 1);
    assert_alive(&a);
    assert_alive(&b);
    client_free(&a);
    client_free(&b);
}

// ---- the end ----

static void test_shutdown(void **state) {
    struct fixture_client k[3], early;
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        client_join(&k[i], &f, DIALECTS[i], 1 + (unsigned)i);
    client_connect(&early, &f, IROH_A, 9);
    conn_shutdown_all(f.loop);
    loop_run_ready(f.loop);
    for (size_t i = 0; i < ARRAY_LEN(k); i++) {
        assert_true(client_is_closed(&k[i]));
        client_free(&k[i]);
    }
    assert_true(client_is_closed(&early));
    client_free(&early);
}

static void test_client_goes(void **state) {
    int64_t before = metrics_read_sum("martlet_iroh_connections");
    struct fixture_client k;
    client_join(&k, &f, IROH_A, 1);
    assert_int_equal(metrics_read_sum("martlet_iroh_connections"), before + 1);
    conn_memory_feed_eof(k.c);
    loop_run_ready(f.loop);
    assert_true(client_is_closed(&k));
    assert_int_equal(metrics_read_sum("martlet_iroh_connections"), before);
    client_free(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_hello_in_pieces),
        T(test_hello_b),
        T(test_bad_hello_a),
        T(test_bad_hello_b),
        T(test_hello_in_time),
        T(test_forwarding),
        T(test_frames_in_pieces),
        T(test_large_packets),
        T(test_batch),
        T(test_websocket),
        T(test_frames_that_close),
        T(test_relay_only),
        T(test_ping),
        T(test_replaced),
        T(test_inactive),
        T(test_same_key_in_both_dialects),
        T(test_shutdown),
        T(test_client_goes),
    };
    return cmocka_run_group_tests_name("iroh_session", tests, NULL, NULL);
}
