// SPDX-License-Identifier: MIT
// Allocate and Refresh as clients see them: every error, retransmissions, reserved ports, families, quotas.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pressure.h"
#include "turn/server_fixture.h"

static const char *const NOTHING[] = {NULL};

// ---- Allocate ----

static void put_nothing(struct turn_writer *w) {}
static void put_udp(struct turn_writer *w) {
    turn_put_octets(w, TURN_REQUESTED_TRANSPORT, SLICE("\x11\0\0\0"));
}
static void put_tcp(struct turn_writer *w) {
    turn_put_octets(w, TURN_REQUESTED_TRANSPORT, SLICE("\x06\0\0\0"));
}
static void put_short_transport(struct turn_writer *w) {
    turn_put_octets(w, TURN_REQUESTED_TRANSPORT, SLICE("\x11"));
}
static void put_dont_fragment(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_DONT_FRAGMENT, SLICE_EMPTY);
}
static void put_unknown(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, (enum turn_attribute)0x7abc, SLICE("abc"));
}
static void put_optional(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, (enum turn_attribute)0xfabc, SLICE("abc"));
}
static void put_token_and_even(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_RESERVATION_TOKEN, SLICE("12345678"));
    turn_put_octets(w, TURN_EVEN_PORT, SLICE("\x80"));
}
static void put_token_and_family(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_RESERVATION_TOKEN, SLICE("12345678"));
    turn_put_octets(w, TURN_REQUESTED_ADDRESS_FAMILY, SLICE("\x01\0\0\0"));
}
static void put_token(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_RESERVATION_TOKEN, SLICE("12345678"));
}
static void put_short_token(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_RESERVATION_TOKEN, SLICE("1234"));
}
static void put_family_3(struct turn_writer *w) {
    put_udp(w);
    turn_put_octets(w, TURN_REQUESTED_ADDRESS_FAMILY, SLICE("\x03\0\0\0"));
}
static void test_allocate_errors(void **state) {
    static const struct {
        const char *label;
        void (*put)(struct turn_writer *w);
        int code;
    } rows[] = {
        {"no transport", put_nothing, 400},
        {"TCP", put_tcp, 442},
        {"short transport", put_short_transport, 400},
        {"DONT-FRAGMENT", put_dont_fragment, 420},
        {"unknown attribute", put_unknown, 420},
        {"token and even", put_token_and_even, 400},
        {"token and family", put_token_and_family, 400},
        {"token of nobody", put_token, 508},
        {"short token", put_short_token, 400},
        {"family 3", put_family_3, 440},
        {"unknown, but optional", put_optional, 0},
    };
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    client_learn(&c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ask a;
        struct received r;
        ask_begin(&a, &c, TURN_ALLOCATE);
        rows[i].put(&a.w);
        int got = client_ask(&c, &a, &r);
        if (got != rows[i].code)
            print_error("%s: ", rows[i].label);
        assert_int_equal(got, rows[i].code);
    }
    assert_int_equal(turn_server_allocations(f.server), 1);
    client_close(&c);
    fixture_stop(&f);
}

static void test_lifetimes(void **state) {
    static const struct {
        uint32_t wanted, granted;
    } rows[] = {{0, 600}, {1, 600}, {600, 600}, {777, 777}, {3600, 3600}, {3601, 3600}, {UINT32_MAX, 3600}};
    struct fixture f;
    fixture_start(&f, NOTHING);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c;
        client_open(&c, &f, "127.0.0.1", 0);
        client_learn(&c);
        struct ask a;
        struct received r;
        ask_begin(&a, &c, TURN_ALLOCATE);
        put_udp(&a.w);
        turn_put_u32(&a.w, TURN_LIFETIME, rows[i].wanted);
        assert_int_equal(client_ask(&c, &a, &r), 0);
        assert_int_equal(r.m.lifetime, rows[i].granted);
        assert_memory_equal(&r.m.mapped.address, &c.address, sizeof(c.address));
        assert_true(r.m.relayed.address.port >= 49152);
        ask_begin(&a, &c, TURN_REFRESH);
        turn_put_u32(&a.w, TURN_LIFETIME, rows[i].wanted);
        assert_int_equal(client_ask(&c, &a, &r), 0);
        assert_int_equal(r.m.lifetime, rows[i].wanted == 0 ? 0 : rows[i].granted);
        assert_int_equal(client_refresh(&c, 0), rows[i].wanted == 0 ? 437 : 0);
        assert_int_equal(turn_server_allocations(f.server), 0);
        client_close(&c);
    }
    fixture_stop(&f);
}

// The answer to the same request is the same, also when its allocation is the last one that fits; another one is a 437.
static void test_retransmission(void **state) {
    static const char *const settings[] = {"max_turn_allocations=1", NULL};
    struct fixture f;
    fixture_start(&f, settings);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    client_learn(&c);
    struct ask a;
    struct received first, again;
    ask_begin(&a, &c, TURN_ALLOCATE);
    put_udp(&a.w);
    assert_int_equal(client_ask(&c, &a, &first), 0);
    fixture_pass(&f, 2);
    client_send(&c, slice_make((const char *)a.mem, a.w.len));
    assert_true(client_receive(&c, &again));
    assert_int_equal(again.len, first.len);
    assert_memory_equal(again.mem, first.mem, first.len);
    assert_int_equal(turn_server_allocations(f.server), 1);
    assert_int_equal(client_allocate(&c, NULL), 437);
    // Of another user with the same id.
    ask_begin(&a, &c, TURN_ALLOCATE);
    memcpy(a.mem + 8, first.m.id, TURN_ID_LEN);
    put_udp(&a.w);
    client_credentials(&c, 5000, ":other");
    assert_int_equal(client_ask(&c, &a, &first), 437);
    client_close(&c);
    fixture_stop(&f);
}

static int allocate_with(struct client *c, enum turn_attribute attribute, struct slice value, struct received *r) {
    struct ask a;
    if (c->nonce_len == 0)
        client_learn(c);
    ask_begin(&a, c, TURN_ALLOCATE);
    put_udp(&a.w);
    turn_put_octets(&a.w, attribute, value);
    return client_ask(c, &a, r);
}

// EVEN-PORT, and a reserved one that is taken from another loop.
static void test_even_port(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client a, b;
    struct received r;
    for (size_t i = 0; i < 8; i++) {
        client_open(&a, &f, "127.0.0.1", 0);
        client_open(&b, &f, "127.0.0.1", 1);
        assert_int_equal(allocate_with(&a, TURN_EVEN_PORT, SLICE("\x00"), &r), 0);
        assert_int_equal(r.m.relayed.address.port % 2, 0);
        assert_false(r.m.has & TURN_HAS_RESERVATION_TOKEN);
        assert_int_equal(client_refresh(&a, 0), 0);
        assert_int_equal(allocate_with(&a, TURN_EVEN_PORT, SLICE("\x80"), &r), 0);
        assert_int_equal(r.m.relayed.address.port % 2, 0);
        assert_true(r.m.has & TURN_HAS_RESERVATION_TOKEN);
        uint16_t port = r.m.relayed.address.port;
        char token[8];
        memcpy(token, r.m.token.ptr, sizeof(token));
        struct slice value = slice_make(token, sizeof(token));
        // Of the user who reserved it alone, for 30 s, once.
        client_credentials(&b, 3600, ":thief");
        assert_int_equal(allocate_with(&b, TURN_RESERVATION_TOKEN, value, &r), 508);
        client_credentials(&b, 3600, "");
        fixture_pass(&f, i == 0 ? 30 : 29);
        client_credentials(&b, i == 0 ? 3570 : 3571, "");
        assert_int_equal(allocate_with(&b, TURN_RESERVATION_TOKEN, value, &r), i == 0 ? 508 : 0);
        if (i > 0)
            assert_int_equal(r.m.relayed.address.port, port + 1);
        struct client third;
        client_open(&third, &f, "127.0.0.1", 1);
        memcpy(third.username, b.username, sizeof(b.username));
        memcpy(third.key, b.key, sizeof(b.key));
        assert_int_equal(allocate_with(&third, TURN_RESERVATION_TOKEN, value, &r), 508);
        client_close(&third);
        client_credentials(&a, i == 0 ? 3570 : 3571, "");
        assert_int_equal(client_refresh(&a, 0), 0);
        if (i > 0)
            assert_int_equal(client_refresh(&b, 0), 0);
        client_close(&a);
        client_close(&b);
    }
    fixture_stop(&f);
}

static void test_families(void **state) {
    if (!has_ipv6())
        skip();
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    struct received r;
    static const struct {
        const char *client;
        enum turn_attribute attribute; // a harmless one when none is wanted
        const char *family;
        bool ipv4;
    } rows[] = {
        {"127.0.0.1", TURN_SOFTWARE, "none", true},
        {"::1", TURN_SOFTWARE, "none", true}, // RFC 8656: IPv4 when nothing is said
        {"127.0.0.1", TURN_REQUESTED_ADDRESS_FAMILY, "\x01", true},
        {"127.0.0.1", TURN_REQUESTED_ADDRESS_FAMILY, "\x02", false},
        {"::1", TURN_REQUESTED_ADDRESS_FAMILY, "\x01", true},
        {"::1", TURN_REQUESTED_ADDRESS_FAMILY, "\x02", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_open(&c, &f, rows[i].client, 0);
        char value[4] = {rows[i].family[0]};
        assert_int_equal(allocate_with(&c, rows[i].attribute, slice_make(value, 4), &r), 0);
        assert_int_equal(net_address_is_ipv4(&r.m.relayed.address), rows[i].ipv4);
        // Peers of the other family: 443; and so for Refresh.
        struct net_address other = address_of(rows[i].ipv4 ? "2606:4700::1" : "9.9.9.9", 5);
        assert_int_equal(client_permit(&c, &other), 443);
        assert_int_equal(client_bind(&c, 0x4000, &other), 443);
        struct ask a;
        for (uint8_t family = 1; family <= 3; family++) {
            ask_begin(&a, &c, TURN_REFRESH);
            turn_put_octets(&a.w, TURN_REQUESTED_ADDRESS_FAMILY, slice_make((char[]){(char)family, 0, 0, 0}, 4));
            assert_int_equal(client_ask(&c, &a, &r), family == (rows[i].ipv4 ? 1 : 2) ? 0 : 443);
        }
        client_close(&c);
    }
    fixture_stop(&f);
}

// ---- quotas ----

static void test_quotas(void **state) {
    static const char *const settings[] = {"max_turn_allocations=6", "turn_allocations_per_user=2",
                                           "turn_allocations_per_address=3", NULL};
    // Allocations of (address, user) in order, and what comes of them.
    static const struct {
        const char *ip, *user;
        int code;
    } rows[] = {
        {"127.0.0.1", ":a", 0},   {"127.0.0.1", ":a", 0},   {"127.0.0.1", ":a", 486}, // of a user
        {"127.0.0.1", ":b", 0},   {"127.0.0.1", ":b", 486},                           // of an address
        {"127.0.0.2", ":a", 486}, {"127.0.0.2", ":b", 0},   {"127.0.0.2", ":c", 0},
        {"127.0.0.3", ":d", 0},   {"127.0.0.3", ":e", 486}, // of all
    };
    struct fixture f;
    fixture_start(&f, settings);
    struct client clients[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_open(&clients[i], &f, rows[i].ip, i % FIXTURE_LOOPS);
        client_credentials(&clients[i], 3600, rows[i].user);
        int got = client_allocate(&clients[i], NULL);
        if (got != rows[i].code)
            print_error("row %zu: ", i);
        assert_int_equal(got, rows[i].code);
    }
    assert_int_equal(turn_server_allocations(f.server), 6);
    // What ends makes room: by Refresh, and by time.
    assert_int_equal(client_refresh(&clients[0], 0), 0);
    assert_int_equal(client_allocate(&clients[2], NULL), 0);
    fixture_pass(&f, 700);
    assert_int_equal(client_refresh(&clients[1], 600), 437);
    client_close(&clients[0]);
    for (size_t i = 1; i < ARRAY_LEN(rows); i++)
        client_close(&clients[i]);
    fixture_stop(&f);
}

static void test_no_port_left(void **state) {
    // Four ports, below those that the system gives out by itself, and others when this runs twice at a time.
    unsigned first = 20000 + (unsigned)getpid() % 2000 * 4;
    char ports[64];
    (void)snprintf(ports, sizeof(ports), "turn_ports=%u-%u", first, first + 3);
    const char *const settings[] = {ports, NULL};
    struct fixture f;
    fixture_start(&f, settings);
    struct client c[5];
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct net_address relayed;
        client_open(&c[i], &f, "127.0.0.1", i % 2);
        int got = client_allocate(&c[i], &relayed);
        if (i == 4)
            assert_int_equal(got, 508);
        else
            assert_true(got == 0 && relayed.port >= first && relayed.port <= first + 3);
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        client_close(&c[i]);
    fixture_stop(&f);
}

// Calls that stand are kept, and no new one begins.
static void test_overload(void **state) {
    static const unsigned connections[PRESSURE_N_CAUSES] = {[PRESSURE_FILES] = 2}, none[PRESSURE_N_CAUSES] = {0};
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client a, b;
    client_open(&a, &f, "127.0.0.1", 0);
    client_open(&b, &f, "127.0.0.1", 0);
    assert_int_equal(client_allocate(&a, NULL), 0);
    pressure_publish(connections);
    assert_int_equal(client_allocate(&b, NULL), 508);
    assert_int_equal(client_refresh(&a, 600), 0);
    pressure_publish(none);
    assert_int_equal(client_allocate(&b, NULL), 0);
    client_close(&a);
    client_close(&b);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocate_errors), cmocka_unit_test(test_lifetimes), cmocka_unit_test(test_retransmission),
        cmocka_unit_test(test_even_port),       cmocka_unit_test(test_families),  cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_no_port_left),    cmocka_unit_test(test_overload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
