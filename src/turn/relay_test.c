// SPDX-License-Identifier: MIT
// What is relayed and what is not: permissions, channels, forbidden peers, clients of the same relay, external
// addresses, bandwidth, time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "turn/server_fixture.h"

static const char *const NOTHING[] = {NULL};
// Peers of these tests are on loopback; 127.9.0.0/16 stands for the internet.
static const char *const PEERS[] = {"turn_allowed_peers=127.9.0.0/16", NULL};

// A client with an allocation, and a peer somewhere.
struct pair {
    struct fixture f;
    struct client client, peer;
    struct net_address relayed;
};

static void pair_start(struct pair *p, const char *const *settings) {
    fixture_start(&p->f, settings);
    client_open(&p->client, &p->f, "127.0.0.1", 0);
    client_open(&p->peer, &p->f, "127.9.0.1", 0);
    assert_int_equal(client_allocate(&p->client, &p->relayed), 0);
}

static void pair_stop(struct pair *p) {
    client_close(&p->client);
    client_close(&p->peer);
    fixture_stop(&p->f);
}

static void test_indications(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    // Without permission nothing passes.
    client_send_data(&p.client, &p.peer.address, SLICE("early"));
    assert_true(client_gets_nothing(&p.peer));
    client_send_to(&p.peer, &p.relayed, SLICE("early"));
    assert_true(client_gets_nothing(&p.client));
    assert_int_equal(client_permit(&p.client, &p.peer.address), 0);
    client_send_data(&p.client, &p.peer.address, SLICE("there"));
    assert_true(client_gets(&p.peer, "there"));
    client_send_to(&p.peer, &p.relayed, SLICE("back"));
    assert_true(client_gets_data(&p.client, &p.peer.address, "back"));
    // The port does not count: another socket of that address may speak, too.
    struct client second;
    client_open(&second, &p.f, "127.9.0.1", 0);
    client_send_to(&second, &p.relayed, SLICE("me too"));
    assert_true(client_gets_data(&p.client, &second.address, "me too"));
    client_close(&second);
    // Empty ones are datagrams as well.
    client_send_data(&p.client, &p.peer.address, SLICE(""));
    assert_true(client_gets(&p.peer, ""));
    pair_stop(&p);
}

static void test_malformed_indications(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    assert_int_equal(client_permit(&p.client, &p.peer.address), 0);
    for (int i = 0; i < 4; i++) {
        uint8_t mem[128];
        struct turn_writer w;
        turn_writer_begin(&w, mem, sizeof(mem), TURN_INDICATION, TURN_SEND, p.client.id);
        if (i != 0)
            turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &p.peer.address);
        if (i != 1)
            turn_put_octets(&w, TURN_DATA_ATTRIBUTE, SLICE("data"));
        if (i == 2)
            turn_put_octets(&w, TURN_DONT_FRAGMENT, SLICE_EMPTY);
        if (i == 3)
            turn_put_octets(&w, (enum turn_attribute)0x7abc, SLICE("unknown"));
        client_send(&p.client, turn_writer_end(&w));
        assert_true(client_gets_nothing(&p.peer));
    }
    pair_stop(&p);
}

static void test_channels(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    client_send_channel(&p.client, 0x4000, SLICE("early"));
    assert_true(client_gets_nothing(&p.peer));
    assert_int_equal(client_bind(&p.client, 0x4000, &p.peer.address), 0);
    client_send_channel(&p.client, 0x4000, SLICE("there"));
    assert_true(client_gets(&p.peer, "there"));
    client_send_to(&p.peer, &p.relayed, SLICE("back"));
    assert_true(client_gets_channel(&p.client, 0x4000, "back"));
    // With padding, as over TCP; and with octets behind.
    client_send(&p.client, SLICE("\x40\x00\x00\x05"
                                 "hello\0\0\0"));
    assert_true(client_gets(&p.peer, "hello"));
    client_send(&p.client, SLICE("\x40\x00\x00\x09"
                                 "hello"));
    assert_true(client_gets_nothing(&p.peer));
    client_send_channel(&p.client, 0x4001, SLICE("not bound"));
    assert_true(client_gets_nothing(&p.peer));
    // The channel permits the address: another port of it comes as an indication.
    struct client second;
    client_open(&second, &p.f, "127.9.0.1", 0);
    client_send_to(&second, &p.relayed, SLICE("me too"));
    assert_true(client_gets_data(&p.client, &second.address, "me too"));
    client_close(&second);
    pair_stop(&p);
}

static void test_channel_errors(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    struct net_address one = address_of("127.9.0.1", 1000), two = address_of("127.9.0.1", 1001),
                       no_port = address_of("127.9.0.1", 0);
    const struct {
        uint16_t channel;
        const struct net_address *peer;
        int code;
    } rows[] = {
        {0x3fff, &one, 400}, {0x8000, &one, 400}, {0, &one, 400},      {0x4000, &no_port, 400}, {0x7fff, &one, 0},
        {0x7fff, &one, 0},   {0x7fff, &two, 400}, {0x4000, &one, 400}, {0x4000, &two, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(client_bind(&p.client, rows[i].channel, rows[i].peer), rows[i].code);
    struct ask a;
    struct received r;
    ask_begin(&a, &p.client, TURN_CHANNEL_BIND);
    turn_put_channel(&a.w, 0x4005);
    assert_int_equal(client_ask(&p.client, &a, &r), 400);
    ask_begin(&a, &p.client, TURN_CHANNEL_BIND);
    turn_put_address(&a.w, TURN_XOR_PEER_ADDRESS, &two);
    assert_int_equal(client_ask(&p.client, &a, &r), 400);
    // 32 channels, whatever happens.
    for (uint16_t i = 2; i < 32; i++) {
        struct net_address peer = address_of("127.9.0.2", i);
        assert_int_equal(client_bind(&p.client, (uint16_t)(0x5000 + i), &peer), 0);
    }
    struct net_address last = address_of("127.9.0.3", 9);
    assert_int_equal(client_bind(&p.client, 0x6000, &last), 508);
    assert_int_equal(client_bind(&p.client, 0x4000, &two), 0);
    pair_stop(&p);
}

static void test_time(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    assert_int_equal(client_permit(&p.client, &p.peer.address), 0);
    fixture_pass(&p.f, 299);
    client_send_to(&p.peer, &p.relayed, SLICE("in time"));
    assert_true(client_gets_data(&p.client, &p.peer.address, "in time"));
    fixture_pass(&p.f, 1);
    client_send_to(&p.peer, &p.relayed, SLICE("late"));
    assert_true(client_gets_nothing(&p.client));
    client_send_data(&p.client, &p.peer.address, SLICE("late"));
    assert_true(client_gets_nothing(&p.peer));
    // A channel lives for 600 s, its permission for 300.
    assert_int_equal(client_bind(&p.client, 0x4000, &p.peer.address), 0);
    assert_int_equal(client_refresh(&p.client, 3600), 0);
    fixture_pass(&p.f, 599);
    client_send_to(&p.peer, &p.relayed, SLICE("in time"));
    assert_true(client_gets_channel(&p.client, 0x4000, "in time"));
    client_send_channel(&p.client, 0x4000, SLICE("in time"));
    assert_true(client_gets(&p.peer, "in time"));
    client_send_data(&p.client, &p.peer.address, SLICE("no permission"));
    assert_true(client_gets_nothing(&p.peer));
    fixture_pass(&p.f, 1);
    client_send_to(&p.peer, &p.relayed, SLICE("late"));
    assert_true(client_gets_nothing(&p.client));
    client_send_channel(&p.client, 0x4000, SLICE("late"));
    assert_true(client_gets_nothing(&p.peer));
    // The number and the peer are free again.
    struct net_address other = address_of("127.9.0.4", 7);
    assert_int_equal(client_bind(&p.client, 0x4000, &other), 0);
    assert_int_equal(client_bind(&p.client, 0x4001, &p.peer.address), 0);
    // And so ends the allocation.
    fixture_pass(&p.f, 2400);
    client_learn(&p.client);
    client_credentials(&p.client, 3600 - 3300, "");
    assert_int_equal(client_refresh(&p.client, 600), 0);
    fixture_pass(&p.f, 600);
    client_send_to(&p.peer, &p.relayed, SLICE("late"));
    assert_true(client_gets_nothing(&p.client));
    assert_int_equal(client_permit(&p.client, &other), 401); // of the user nothing is left, either
    client_credentials(&p.client, 3600, "");
    assert_int_equal(client_permit(&p.client, &other), 437);
    assert_int_equal(turn_server_allocations(p.f.server), 0);
    pair_stop(&p);
}

// ---- whom one may not reach ----

static void test_forbidden_peers(void **state) {
    static const struct {
        const char *ip;
        int code;
    } rows[] = {
        {"127.0.0.2", 403},  {"127.8.0.1", 403},       {"0.0.0.0", 403},    {"10.1.2.3", 403},
        {"172.16.0.1", 403}, {"192.168.1.1", 403},     {"100.64.0.1", 403}, {"169.254.169.254", 403},
        {"224.0.0.1", 403},  {"255.255.255.255", 403}, {"127.9.255.1", 0},  {"9.9.9.9", 0},
    };
    struct pair p;
    pair_start(&p, PEERS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_address peer = address_of(rows[i].ip, 4000);
        int permitted = client_permit(&p.client, &peer), bound = client_bind(&p.client, (uint16_t)(0x4000 + i), &peer);
        if (permitted != rows[i].code || bound != rows[i].code)
            print_error("%s: ", rows[i].ip);
        assert_int_equal(permitted, rows[i].code);
        assert_int_equal(bound, rows[i].code);
    }
    pair_stop(&p);
}

static void test_forbidden_ipv6_peers(void **state) {
    static const char *const forbidden[] = {"::",           "::2", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::7f00:1",
                                            "2002:7f00:1::"};
    if (!has_ipv6())
        skip();
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    client_open(&c, &f, "::1", 0);
    assert_int_equal(client_allocate(&c, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        struct net_address peer = address_of(forbidden[i], 4000);
        assert_int_equal(client_permit(&c, &peer), 403);
    }
    // Through a translator or a tunnel one comes to our own IPv4 addresses, to those of others, and to no relayed port.
    static const char *const external[] = {"turn_external_address=198.51.100.7", NULL};
    static const struct {
        const char *ip;
        int code;
    } carried[] = {{"64:ff9b::198.51.100.7", 403},
                   {"2002:c633:6407::1", 403},
                   {"64:ff9b::198.51.100.8", 0},
                   {"2002:c633:6408::1", 0}};
    fixture_reload(&f, external);
    for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
        struct net_address peer = address_of(carried[i].ip, 4000);
        int code = client_permit(&c, &peer);
        if (code != carried[i].code)
            print_error("%s: ", carried[i].ip);
        assert_int_equal(code, carried[i].code);
    }
    // An IPv4-mapped address, written as IPv6: family 2, port and address XORed by hand.
    struct ask a;
    struct received r;
    ask_begin(&a, &c, TURN_CREATE_PERMISSION);
    uint8_t value[20] = {0, 2, 0x21 ^ 0x10, 0x12};
    const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 9, [13] = 9, [14] = 9, [15] = 9};
    for (size_t i = 0; i < 16; i++)
        value[4 + i] = mapped[i] ^ a.mem[4 + i];
    turn_put_octets(&a.w, TURN_XOR_PEER_ADDRESS, slice_make((const char *)value, sizeof(value)));
    assert_int_equal(client_ask(&c, &a, &r), 403);
    client_close(&c);
    fixture_stop(&f);
}

// All peers of one request, or none.
static void test_several_peers(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    struct client second;
    client_open(&second, &p.f, "127.9.0.2", 0);
    struct net_address bad = address_of("10.0.0.1", 1), other_family = address_of("2606:4700::1", 1);
    const struct {
        const struct net_address *peers[3];
        int code;
    } rows[] = {
        {{&p.peer.address, &second.address, &bad}, 403},
        {{&p.peer.address, &other_family, &second.address}, 443},
        {{NULL, NULL, NULL}, 400},
        {{&p.peer.address, &second.address, &p.peer.address}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ask a;
        struct received r;
        ask_begin(&a, &p.client, TURN_CREATE_PERMISSION);
        for (size_t k = 0; k < 3 && rows[i].peers[k] != NULL; k++)
            turn_put_address(&a.w, TURN_XOR_PEER_ADDRESS, rows[i].peers[k]);
        assert_int_equal(client_ask(&p.client, &a, &r), rows[i].code);
        client_send_data(&p.client, &p.peer.address, SLICE("one"));
        client_send_data(&p.client, &second.address, SLICE("two"));
        p.peer.impatient = second.impatient = rows[i].code != 0;
        assert_int_equal(client_gets(&p.peer, "one"), rows[i].code == 0);
        assert_int_equal(client_gets(&second, "two"), rows[i].code == 0);
    }
    // 32 permissions, two of which are there.
    struct ask a;
    struct received r;
    for (unsigned n = 31; n >= 30; n--) {
        ask_begin(&a, &p.client, TURN_CREATE_PERMISSION);
        for (unsigned k = 0; k < n; k++) {
            char ip[32];
            (void)snprintf(ip, sizeof(ip), "127.9.1.%u", k);
            struct net_address peer = address_of(ip, 1);
            turn_put_address(&a.w, TURN_XOR_PEER_ADDRESS, &peer);
        }
        assert_int_equal(client_ask(&p.client, &a, &r), n == 31 ? 508 : 0);
    }
    struct net_address one_more = address_of("127.9.2.1", 1);
    assert_int_equal(client_permit(&p.client, &one_more), 508);
    assert_int_equal(client_bind(&p.client, 0x4000, &one_more), 508);
    assert_int_equal(client_permit(&p.client, &p.peer.address), 0);
    fixture_pass(&p.f, 300);
    assert_int_equal(client_permit(&p.client, &one_more), 0);
    client_close(&second);
    pair_stop(&p);
}

// ---- clients of the same relay ----

static void talk(struct client *a, const struct net_address *a_shown, struct client *b,
                 const struct net_address *b_shown) {
    assert_int_equal(client_permit(a, b_shown), 0);
    assert_int_equal(client_permit(b, a_shown), 0);
    client_send_data(a, b_shown, SLICE("hello"));
    assert_true(client_gets_data(b, a_shown, "hello"));
    assert_int_equal(client_bind(a, 0x4000, b_shown), 0);
    assert_int_equal(client_bind(b, 0x4abc, a_shown), 0);
    client_send_channel(a, 0x4000, SLICE("by channel"));
    assert_true(client_gets_channel(b, 0x4abc, "by channel"));
    client_send_channel(b, 0x4abc, SLICE("back"));
    assert_true(client_gets_channel(a, 0x4000, "back"));
}

// On one loop and on two, of one family and of two, with an external address and without one; always under the rules
// that deny loopback.
static void test_two_clients(void **state) {
    static const char *const plain[] = {NULL};
    static const char *const external[] = {"turn_external_address=198.51.100.7 2001:db8::7", NULL};
    static const char *const listed[] = {"turn_external_address=198.51.100.7 2001:db8::7",
                                         "turn_allowed_peers=198.51.100.0/24 2001:db8::/32", NULL};
    static const struct {
        const char *const *settings;
        const char *a, *b, *shown;
        size_t loop;
        bool wildcard;
    } rows[] = {
        {plain, "127.0.0.1", "127.0.0.1", "127.0.0.1", 0, false},
        {plain, "127.0.0.1", "127.0.0.3", "127.0.0.1", 1, false},
        {plain, "127.0.0.1", "127.0.0.3", "127.0.0.1", 1, true},
        {plain, "::1", "::1", "::1", 1, false},
        {plain, "::1", "::1", "::1", 1, true},
        {external, "127.0.0.1", "127.0.0.1", "198.51.100.7", 0, false},
        {external, "127.0.0.1", "127.0.0.1", "198.51.100.7", 1, false},
        {external, "::1", "::1", "2001:db8::7", 1, false},
        {listed, "127.0.0.1", "127.0.0.1", "198.51.100.7", 1, false},
        {listed, "::1", "::1", "2001:db8::7", 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].a[0] == ':' && !has_ipv6())
            continue;
        struct fixture f;
        (rows[i].wildcard ? fixture_start_wildcard : fixture_start)(&f, rows[i].settings);
        struct client a, b;
        struct net_address a_shown, b_shown, shown = address_of(rows[i].shown, 0);
        client_open(&a, &f, rows[i].a, 0);
        client_open(&b, &f, rows[i].b, rows[i].loop);
        assert_int_equal(client_allocate(&a, &a_shown), 0);
        assert_int_equal(client_allocate(&b, &b_shown), 0);
        assert_memory_equal(a_shown.ip, shown.ip, sizeof(shown.ip));
        assert_memory_equal(b_shown.ip, shown.ip, sizeof(shown.ip));
        talk(&a, &a_shown, &b, &b_shown);
        // When one is gone, its port is nothing any more.
        assert_int_equal(client_refresh(&b, 0), 0);
        client_send_channel(&a, 0x4000, SLICE("gone"));
        assert_true(client_gets_nothing(&b));
        assert_int_equal(client_bind(&a, 0x4001, &b_shown), 403);
        client_close(&a);
        client_close(&b);
        fixture_stop(&f);
    }
}

// A service on the relay's own address: its port is not relayed, so nothing gets there and nothing comes from there.
static void test_own_services(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c, service;
    struct net_address relayed;
    client_open(&c, &f, "127.0.0.1", 0);
    client_open(&service, &f, "127.0.0.1", 0);
    assert_int_equal(client_allocate(&c, &relayed), 0);
    assert_int_equal(client_permit(&c, &service.address), 0); // the address is that of other clients, too
    client_send_data(&c, &service.address, SLICE("secret"));
    assert_true(client_gets_nothing(&service));
    assert_int_equal(client_bind(&c, 0x4000, &service.address), 403);
    client_send_to(&service, &relayed, SLICE("secret"));
    assert_true(client_gets_nothing(&c));
    client_send_data(&c, &f.doors[0][0], SLICE("to ourselves"));
    assert_true(client_gets_nothing(&c));
    client_close(&c);
    client_close(&service);
    fixture_stop(&f);
}

// ---- bandwidth ----

// What the relay made of all datagrams so far.
struct made {
    int64_t relayed_octets, dropped;
};

static struct made made_so_far(void) {
    return (struct made){metrics_read_sum("martlet_turn_relayed_bytes"),
                         metrics_read_sum("martlet_turn_dropped_datagrams")};
}

// Waits for what becomes of one more; whether it was passed on, and came.
static bool passes(struct pair *p, struct made before, struct client *to) {
    struct received r;
    struct made now = made_so_far();
    while (now.relayed_octets == before.relayed_octets && now.dropped == before.dropped) {
        fixture_run(&p->f);
        now = made_so_far();
    }
    return now.relayed_octets > before.relayed_octets && client_receive(to, &r);
}

static size_t pass_through(struct pair *p, size_t n, size_t len) {
    static char data[1500];
    size_t got = 0;
    for (size_t i = 0; i < n; i++) {
        struct made before = made_so_far();
        client_send_channel(&p->client, 0x4000, slice_make(data, len));
        got += passes(p, before, &p->peer);
    }
    return got;
}

static size_t pass_back(struct pair *p, size_t n, size_t len) {
    static char data[1500];
    size_t got = 0;
    for (size_t i = 0; i < n; i++) {
        struct made before = made_so_far();
        client_send_to(&p->peer, &p->relayed, slice_make(data, len));
        got += passes(p, before, &p->client);
    }
    return got;
}

static void test_bandwidth(void **state) {
    static const char *const allowed = "turn_allowed_peers=127.9.0.0/16";
    const struct {
        const char *setting;
        size_t through, back; // of 100 datagrams of 1000 octets (1028 with their head)
    } rows[] = {{"turn_bandwidth=50k", 49, 49}, {"turn_total_bandwidth=50k", 49, 0}, {"turn_bandwidth=10M", 100, 100}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const settings[] = {allowed, rows[i].setting, NULL};
        struct pair p;
        pair_start(&p, settings);
        assert_int_equal(client_bind(&p.client, 0x4000, &p.peer.address), 0);
        for (size_t round = 0; round < 3; round++) {
            size_t through = pass_through(&p, 100, 1000), back = pass_back(&p, 100, 1000);
            assert_in_range(through, rows[i].through - 2, rows[i].through);
            assert_in_range(back, rows[i].back > 2 ? rows[i].back - 2 : 0, rows[i].back);
            fixture_pass(&p.f, 1);
        }
        // A reload counts for allocations that exist.
        const char *const less[] = {allowed, "turn_bandwidth=5k", NULL};
        fixture_reload(&p.f, less);
        fixture_pass(&p.f, 10);
        assert_in_range(pass_through(&p, 100, 1000), 3, 5);
        pair_stop(&p);
    }
}

static void test_sizes(void **state) {
    struct pair p;
    pair_start(&p, PEERS);
    assert_int_equal(client_permit(&p.client, &p.peer.address), 0);
    static char data[2100];
    static const struct {
        size_t len;
        bool passes;
    } rows[] = {{1, true}, {1472, true}, {2000, true}, {2044, true}, {2048, true}, {2049, false}};
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct received r;
            p.client.impatient = !rows[i].passes;
            client_send_to(&p.peer, &p.relayed, slice_make(data, rows[i].len));
            assert_int_equal(client_receive(&p.client, &r), rows[i].passes);
            if (rows[i].passes && round == 0)
                assert_int_equal(r.m.data.len, rows[i].len);
            else if (rows[i].passes)
                assert_int_equal(r.len, rows[i].len + 4);
        }
        p.client.impatient = false;
        assert_int_equal(client_bind(&p.client, 0x4000, &p.peer.address), 0);
    }
    pair_stop(&p);
}

static void test_counts(void **state) {
    struct pair p;
    int64_t dropped = metrics_read_sum("martlet_turn_dropped_datagrams"),
            octets = metrics_read_sum("martlet_turn_relayed_bytes");
    pair_start(&p, PEERS);
    assert_int_equal(metrics_read("martlet_turn_allocations"), 1);
    assert_int_equal(client_bind(&p.client, 0x4000, &p.peer.address), 0);
    client_send_channel(&p.client, 0x4001, SLICE("12345"));
    client_send_channel(&p.client, 0x4000, SLICE("12345"));
    assert_true(client_gets(&p.peer, "12345"));
    assert_int_equal(metrics_read_sum("martlet_turn_relayed_bytes") - octets, 5);
    assert_int_equal(metrics_read_sum("martlet_turn_dropped_datagrams") - dropped, 1);
    pair_stop(&p);
    assert_int_equal(metrics_read("martlet_turn_allocations"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indications),
        cmocka_unit_test(test_malformed_indications),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_channel_errors),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_forbidden_peers),
        cmocka_unit_test(test_forbidden_ipv6_peers),
        cmocka_unit_test(test_several_peers),
        cmocka_unit_test(test_two_clients),
        cmocka_unit_test(test_own_services),
        cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
