// SPDX-License-Identifier: MIT
// The parts of the server that know no packet: token buckets, quotas, homes, ports; also with several threads.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/udp.h"
#include "turn/homes.h"
#include "turn/machine.h"
#include "turn/quota.h"
#include "turn/rate.h"
#include "turn/relayed_port.h"
#include "turn/reservation.h"

enum { THREADS = 4, TURNS = 2000 };

static struct net_address address_of(const char *ip, uint16_t port) {
    struct net_address a = {.port = port};
    assert_true(net_address_parse(slice_from_cstr(ip), &a));
    return a;
}

// An address of loopback that nobody else has, not even this test when it runs twice at a time.
static struct net_address home_of_ours(uint16_t port) {
    struct net_address a = address_of("127.83.0.0", port);
    a.ip[14] = (uint8_t)(getpid() >> 8);
    a.ip[15] = (uint8_t)getpid();
    return a;
}

static void test_rate(void **state) {
    static const struct {
        uint64_t at_us, octets;
        bool taken;
    } rows[] = {
        {1000000, 600, true},  {1000000, 401, false},  {1000000, 400, true}, {1000000, 1, false},
        {1100000, 101, false}, {1100000, 100, true},   {1100000, 1, false},  {9000000, 1000, true},
        {9000000, 1, false},   {9500000, 501, false},  {9500000, 500, true}, {99000000, 1001, false},
        {99000000, 0, true},   {99000000, 1000, true},
    };
    struct turn_rate r = {0};
    struct turn_shared_rate shared = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(turn_rate_take(&r, rows[i].octets, 1000, rows[i].at_us), rows[i].taken);
        assert_int_equal(turn_shared_rate_take(&shared, rows[i].octets, 1000, rows[i].at_us), rows[i].taken);
    }
    for (size_t i = 0; i < 100; i++) // no limit
        assert_true(turn_rate_take(&r, 1 << 30, 0, 1) && turn_shared_rate_take(&shared, 1 << 30, 0, 1));
}

// ---- quotas ----

struct counted {
    pthread_t thread;
    struct turn_quota *quota;
    struct turn_quota_limits limits;
    size_t entered;
    atomic_uint *inside; // of all threads
    bool too_many;
};

static void *run_quota(void *arg) {
    struct counted *c = arg;
    struct net_address a = address_of("192.0.2.1", 9);
    for (size_t i = 0; i < TURNS; i++) {
        struct turn_quota_ticket t[3];
        size_t n = 0;
        while (n < 3 && turn_quota_enter(c->quota, &c->limits, SLICE("user"), &a, &t[n]))
            n++;
        c->entered += n;
        c->too_many |= atomic_fetch_add(c->inside, (unsigned)n) + n > c->limits.per_user;
        atomic_fetch_sub(c->inside, (unsigned)n);
        while (n > 0)
            turn_quota_leave(c->quota, &t[--n]);
    }
    return NULL;
}

static void test_quota_of_threads(void **state) {
    struct turn_quota *q = turn_quota_new();
    struct counted counted[THREADS];
    atomic_uint inside = 0;
    size_t entered = 0;
    for (size_t i = 0; i < THREADS; i++) {
        counted[i] = (struct counted){.quota = q, .limits = {100, 5, 100}, .inside = &inside};
        assert_int_equal(pthread_create(&counted[i].thread, NULL, run_quota, &counted[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(counted[i].thread, NULL), 0);
        assert_false(counted[i].too_many);
        entered += counted[i].entered;
    }
    assert_true(entered > 0); // perhaps not by each: others may have been there whenever it looked
    assert_int_equal(turn_quota_total(q), 0);
    turn_quota_free(q);
}

// A /64 of IPv6 is one address.
static void test_quota_of_networks(void **state) {
    static const struct {
        const char *ip;
        bool enters;
    } rows[] = {{"2001:db8::1", true},     {"2001:db8::ffff:1", true}, {"2001:db8::2", false},
                {"2001:db8:0:1::1", true}, {"192.0.2.1", true},        {"192.0.2.2", true}};
    struct turn_quota *q = turn_quota_new();
    struct turn_quota_limits limits = {100, 100, 2};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_address a = address_of(rows[i].ip, 1);
        struct turn_quota_ticket ticket;
        assert_int_equal(turn_quota_enter(q, &limits, SLICE("user"), &a, &ticket), rows[i].enters);
    }
    turn_quota_free(q);
}

// ---- homes and ports ----

static void test_homes(void **state) {
    struct turn_homes *h = turn_homes_new();
    struct net_address a = address_of("192.0.2.1", 5000), b = address_of("192.0.2.2", 5000),
                       six = address_of("2001:db8::1", 5000), found;
    assert_false(turn_homes_has(h, &a));
    assert_true(turn_homes_claim(h, &a));
    assert_false(turn_homes_claim(h, &a));
    assert_false(turn_homes_claim(h, &b)); // one home for a port
    assert_true(turn_homes_claim(h, &six));
    assert_false(turn_homes_is_relayed(h, &a) || turn_homes_find(h, true, 5000, &found)); // not bound yet
    turn_homes_open(h, &a);
    turn_homes_open(h, &six);
    assert_true(turn_homes_is_relayed(h, &a) && turn_homes_is_relayed(h, &six) && !turn_homes_is_relayed(h, &b));
    assert_true(turn_homes_find(h, true, 5000, &found));
    assert_memory_equal(&found, &a, sizeof(a));
    assert_true(turn_homes_find(h, false, 5000, &found));
    assert_memory_equal(&found, &six, sizeof(six));
    assert_false(turn_homes_find(h, true, 5001, &found));
    turn_homes_release(h, &a);
    assert_true(turn_homes_claim(h, &b));
    turn_homes_open(h, &b);
    assert_true(turn_homes_has(h, &a) && !turn_homes_is_relayed(h, &a) && turn_homes_is_relayed(h, &b));
    for (unsigned i = 0; i < 2 * TURN_HOMES_MAX; i++) { // bounded
        struct net_address next = a;
        next.ip[14] = 77;
        next.ip[15] = (uint8_t)i;
        next.port = (uint16_t)(6000 + i);
        assert_int_equal(turn_homes_claim(h, &next), i < TURN_HOMES_MAX - 2);
    }
    turn_homes_free(h);
}

// Addresses change, some of them every day, and the relay runs for months.
static void test_homes_that_come_and_go(void **state) {
    struct turn_homes *h = turn_homes_new();
    struct net_address stays = address_of("192.0.2.1", 5000);
    assert_true(turn_homes_claim(h, &stays));
    for (unsigned i = 0; i < 4 * TURN_HOMES_MAX; i++) {
        struct net_address a = address_of("2001:db8::", 5000), found;
        a.ip[15] = (uint8_t)i;
        assert_true(turn_homes_claim(h, &a));
        turn_homes_open(h, &a);
        assert_true(turn_homes_has(h, &a) && turn_homes_is_relayed(h, &a));
        assert_true(turn_homes_find(h, false, 5000, &found));
        assert_memory_equal(&found, &a, sizeof(a));
        turn_homes_release(h, &a);
        assert_true(turn_homes_has(h, &stays));
    }
    turn_homes_release(h, &stays);
    turn_homes_free(h);
}

static void test_ports(void **state) {
    static const struct {
        struct turn_port_range range;
        enum turn_port_kind kind;
        unsigned n; // how many times it can be had
    } rows[] = {
        {{27100, 27107}, TURN_PORT_ANY, 8},  {{27100, 27107}, TURN_PORT_EVEN, 4}, {{27100, 27107}, TURN_PORT_PAIR, 4},
        {{27101, 27108}, TURN_PORT_PAIR, 3}, {{27101, 27101}, TURN_PORT_ANY, 1},  {{27101, 27101}, TURN_PORT_EVEN, 0},
        {{27100, 27100}, TURN_PORT_PAIR, 0}, {{27100, 27101}, TURN_PORT_PAIR, 1}, {{65534, 65535}, TURN_PORT_PAIR, 1},
    };
    struct net_address home = home_of_ours(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct turn_homes *h = turn_homes_new();
        struct turn_relayed_port ports[20][2];
        unsigned n = 0;
        while (n < 20 && turn_relayed_port_open(h, &home, rows[i].range, rows[i].kind, ports[n])) {
            uint16_t first = ports[n][0].address.port;
            assert_in_range(first, rows[i].range.min, rows[i].range.max);
            assert_true(rows[i].kind == TURN_PORT_ANY || first % 2 == 0);
            if (rows[i].kind == TURN_PORT_PAIR)
                assert_true(ports[n][1].address.port == first + 1 && first < rows[i].range.max);
            n++;
        }
        assert_int_equal(n, rows[i].n);
        for (unsigned k = 0; k < n; k++)
            for (unsigned m = 0; m < (rows[i].kind == TURN_PORT_PAIR ? 2U : 1U); m++)
                turn_relayed_port_close(h, &ports[k][m]);
        turn_homes_free(h);
    }
}

// What others of this machine have is passed over.
static void test_foreign_ports(void **state) {
    struct net_address home = home_of_ours(27200), next = home_of_ours(27201);
    int fd = udp_bind(&home), other = udp_bind(&next);
    assert_true(fd >= 0 && other >= 0);
    struct turn_homes *h = turn_homes_new();
    struct turn_relayed_port ports[2];
    struct turn_port_range range = {27200, 27202};
    assert_true(turn_relayed_port_open(h, &home, range, TURN_PORT_ANY, ports));
    assert_int_equal(ports[0].address.port, 27202);
    assert_false(turn_homes_is_relayed(h, &home));
    turn_relayed_port_close(h, &ports[0]);
    turn_homes_free(h);
    assert_int_equal(close(fd) + close(other), 0);
}

static void test_reservations_hold_what_they_took(void **state) {
    struct turn_quota *q = turn_quota_new();
    struct turn_homes *h = turn_homes_new();
    struct turn_reservations *r = turn_reservations_new(q, h);
    struct net_address home = home_of_ours(0);
    struct turn_quota_limits limits = {2, 2, 2};
    uint8_t token[2][TURN_TOKEN_LEN];
    for (size_t i = 0; i < 2; i++) {
        struct turn_relayed_port ports[2];
        struct turn_quota_ticket ticket;
        assert_true(turn_quota_enter(q, &limits, SLICE("user"), &home, &ticket));
        assert_true(turn_relayed_port_open(h, &home, (struct turn_port_range){27300, 27400}, TURN_PORT_ANY, ports));
        turn_reservations_add(r, SLICE("user"), &ports[0], &ticket, 1000 * i, token[i]);
    }
    assert_int_equal(turn_reservations_expire(r, 29999), 2);
    assert_int_equal(turn_reservations_expire(r, 30000), 1);
    assert_int_equal(turn_quota_total(q), 1);
    struct turn_relayed_port port;
    struct turn_quota_ticket ticket;
    struct slice second = slice_make((char *)token[1], TURN_TOKEN_LEN);
    assert_false(turn_reservations_take(r, SLICE("user"), slice_make((char *)token[0], 8), 30000, &port, &ticket));
    assert_false(turn_reservations_take(r, SLICE("other"), second, 30000, &port, &ticket));
    assert_false(turn_reservations_take(r, SLICE("user"), second, 31000, &port, &ticket));
    assert_int_equal(turn_reservations_expire(r, 0), 1);
    turn_reservations_free(r); // with what it holds
    assert_int_equal(turn_quota_total(q), 0);
    turn_homes_free(h);
    turn_quota_free(q);
}

static void test_machine(void **state) {
    static const struct {
        const char *ip;
        bool owns;
    } rows[] = {{"127.0.0.1", true},    {"127.7.7.7", true}, {"198.51.100.1", false},
                {"2001:db8::1", false}, {"127.0.0.1", true}, {"9.9.9.9", false},
                {"2001:db8:1::", true}, {"2001:db8::", true}}; // of a network's routers, and so perhaps ours
    struct turn_machine *m = turn_machine_new();
    for (uint64_t now = 0; now < 200000; now += 50000)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct net_address a = address_of(rows[i].ip, 53);
            assert_int_equal(turn_machine_owns(m, &a, now), rows[i].owns);
        }
    turn_machine_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_quota_of_threads),
        cmocka_unit_test(test_quota_of_networks),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_homes_that_come_and_go),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_foreign_ports),
        cmocka_unit_test(test_reservations_hold_what_they_took),
        cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
