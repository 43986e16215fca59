// SPDX-License-Identifier: MIT
// The server as its clients see it: Binding, who is believed, what is not answered, what is switched off. Allocate is
// in allocate_test.c, what is relayed in relay_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/udp.h"
#include "turn/credential.h"
#include "turn/nonce.h"
#include "turn/server_fixture.h"

static const char *const NOTHING[] = {NULL};

// ---- Binding ----

static void test_binding(void **state) {
    static const char *const ips[] = {"127.0.0.1", "127.0.0.9", "::1"};
    struct fixture f;
    fixture_start(&f, NOTHING);
    for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
        if (strchr(ips[i], ':') != NULL && !has_ipv6())
            continue;
        struct client c;
        client_open(&c, &f, ips[i], 0);
        struct ask a;
        struct received r;
        ask_begin(&a, &c, TURN_BINDING);
        assert_int_equal(client_ask_bare(&c, &a, &r), 0);
        assert_memory_equal(&r.m.mapped.address, &c.address, sizeof(c.address));
        assert_true(r.m.has & TURN_HAS_FINGERPRINT);
        client_close(&c);
    }
    fixture_stop(&f);
}

// ---- authentication ----

enum flaw {
    FLAW_NONE,
    FLAW_NO_INTEGRITY,
    FLAW_NO_USERNAME,
    FLAW_NO_REALM,
    FLAW_NO_NONCE,
    FLAW_WRONG_NONCE,
    FLAW_OTHERS_NONCE,
    FLAW_OLD_NONCE,
    FLAW_WRONG_REALM,
    FLAW_WRONG_KEY,
    FLAW_EXPIRED,
    FLAW_TOO_FAR_AHEAD,
    FLAW_NO_NUMBER,
    FLAW_LONG_USERNAME,
};

static void put_credentials(struct client *c, struct turn_writer *w, enum flaw flaw) {
    struct slice username = slice_from_cstr(c->username);
    struct slice nonce = slice_make(c->nonce, c->nonce_len);
    char long_name[400];
    uint8_t key[TURN_KEY_LEN];
    memcpy(key, c->key, sizeof(key));
    key[0] ^= flaw == FLAW_WRONG_KEY;
    if (flaw == FLAW_NO_NUMBER)
        username = SLICE("someone");
    if (flaw == FLAW_LONG_USERNAME) {
        (void)snprintf(long_name, sizeof(long_name), "%s:%0250d", c->username, 1);
        username = slice_from_cstr(long_name);
    }
    if (flaw == FLAW_WRONG_NONCE)
        nonce = SLICE("0000000000000000");
    if (flaw != FLAW_NO_USERNAME)
        turn_put_octets(w, TURN_USERNAME, username);
    if (flaw != FLAW_NO_REALM)
        turn_put_octets(w, TURN_REALM, flaw == FLAW_WRONG_REALM ? SLICE("other.example") : SLICE("relay.example"));
    if (flaw != FLAW_NO_NONCE)
        turn_put_octets(w, TURN_NONCE, nonce);
    if (flaw != FLAW_NO_INTEGRITY)
        turn_put_integrity(w, key);
}

static void test_authentication(void **state) {
    static const struct {
        enum flaw flaw;
        int code;
    } rows[] = {
        {FLAW_NO_INTEGRITY, 401}, {FLAW_NO_USERNAME, 400},   {FLAW_NO_REALM, 400},      {FLAW_NO_NONCE, 400},
        {FLAW_WRONG_NONCE, 438},  {FLAW_OTHERS_NONCE, 438},  {FLAW_OLD_NONCE, 438},     {FLAW_WRONG_REALM, 401},
        {FLAW_WRONG_KEY, 401},    {FLAW_EXPIRED, 401},       {FLAW_TOO_FAR_AHEAD, 401}, {FLAW_NO_NUMBER, 401},
        {FLAW_NONE, 0},           {FLAW_LONG_USERNAME, 401},
    };
    static const uint16_t methods[] = {TURN_ALLOCATE, TURN_REFRESH, TURN_CREATE_PERMISSION, TURN_CHANNEL_BIND};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < ARRAY_LEN(methods); k++) {
            struct fixture f;
            fixture_start(&f, NOTHING);
            struct client c, other;
            client_open(&c, &f, "127.0.0.1", 0);
            client_open(&other, &f, "127.0.0.1", 0);
            client_learn(&c);
            client_learn(&other);
            int64_t seconds = rows[i].flaw == FLAW_EXPIRED ? -1 : rows[i].flaw == FLAW_TOO_FAR_AHEAD ? 7 * 86400 : 9999;
            client_credentials(&c, seconds, "");
            if (rows[i].flaw == FLAW_OTHERS_NONCE)
                memcpy(c.nonce, other.nonce, sizeof(c.nonce));
            if (rows[i].flaw == FLAW_OLD_NONCE)
                fixture_pass(&f, TURN_NONCE_VALID_S + 1);
            struct ask a;
            struct received r;
            ask_begin(&a, &c, methods[k]);
            turn_put_octets(&a.w, TURN_REQUESTED_TRANSPORT, SLICE("\x11\0\0\0"));
            put_credentials(&c, &a.w, rows[i].flaw);
            int got = client_ask_bare(&c, &a, &r);
            int want = rows[i].code == 0 && methods[k] != TURN_ALLOCATE ? 437 : rows[i].code;
            if (got != want)
                print_error("flaw %d, method %d: ", rows[i].flaw, methods[k]);
            assert_int_equal(got, want);
            bool challenges = want == 401 || want == 438;
            assert_int_equal((r.m.has & TURN_HAS_REALM) != 0, challenges);
            assert_int_equal((r.m.has & TURN_HAS_NONCE) != 0, challenges);
            assert_int_equal((r.m.has & TURN_HAS_INTEGRITY) != 0, want == 0 || want == 437);
            client_close(&c);
            client_close(&other);
            fixture_stop(&f);
        }
}

// ---- other users, other methods ----

static void test_wrong_user(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    struct net_address relayed;
    client_open(&c, &f, "127.0.0.1", 0);
    assert_int_equal(client_allocate(&c, &relayed), 0);
    client_credentials(&c, 4000, "");
    assert_int_equal(client_refresh(&c, 0), 441);
    assert_int_equal(client_permit(&c, &relayed), 441);
    assert_int_equal(client_bind(&c, 0x4000, &relayed), 441);
    client_credentials(&c, 3600, "");
    assert_int_equal(client_refresh(&c, 600), 0);
    client_close(&c);
    fixture_stop(&f);
}

// What is not asked of a server is not answered, and breaks nothing.
static void test_silence(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    static const struct {
        enum turn_class class;
        uint16_t method;
    } rows[] = {
        {TURN_SUCCESS, TURN_ALLOCATE}, {TURN_ERROR, TURN_BINDING},   {TURN_INDICATION, TURN_BINDING},
        {TURN_INDICATION, TURN_DATA},  {TURN_INDICATION, TURN_SEND}, {TURN_REQUEST, 0x2},
        {TURN_REQUEST, 0xa},           {TURN_REQUEST, TURN_SEND},    {TURN_REQUEST, 0xfff},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t mem[64];
        struct turn_writer w;
        turn_writer_begin(&w, mem, sizeof(mem), rows[i].class, rows[i].method, c.id);
        client_send(&c, turn_writer_end(&w));
        assert_true(client_gets_nothing(&c));
    }
    static const struct slice junk[] = {SLICE(""), SLICE("\x40"), SLICE("\x40\0\0\4abcd"), SLICE("hello, world"),
                                        SLICE("\0\1\0\0\x21\x12\xa4\x42")};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        client_send(&c, junk[i]);
        assert_true(client_gets_nothing(&c));
    }
    client_close(&c);
    fixture_stop(&f);
}

// ---- switched off, credentials ----

static void test_switched_off(void **state) {
    static const char *const off[] = {"turn=no", NULL};
    struct fixture f;
    char text[TURN_CREDENTIALS_MAX];
    fixture_start(&f, NOTHING);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    assert_int_equal(client_allocate(&c, NULL), 0);
    assert_true(turn_credentials(f.server, text));
    fixture_reload(&f, off);
    assert_int_equal(turn_server_allocations(f.server), 0);
    assert_false(turn_credentials(f.server, text));
    c.impatient = true;
    assert_int_equal(client_allocate(&c, NULL), -1);
    struct ask a;
    struct received r;
    ask_begin(&a, &c, TURN_BINDING);
    assert_int_equal(client_ask_bare(&c, &a, &r), -1);
    c.impatient = false;
    fixture_reload(&f, NOTHING);
    assert_int_equal(client_allocate(&c, NULL), 0);
    client_close(&c);
    fixture_stop(&f);
}

static void test_credentials(void **state) {
    static const struct {
        const char *setting, *host;
    } rows[] = {{"mail_domain=relay.example", "relay.example"},
                {"mail_domain=[192.0.2.1]", "192.0.2.1"},
                {"mail_domain=192.0.2.7", "192.0.2.7"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const settings[] = {rows[i].setting, NULL};
        struct fixture f;
        fixture_start(&f, settings);
        char text[TURN_CREDENTIALS_MAX], want[128];
        assert_true(turn_credentials(f.server, text));
        struct slice rest = slice_from_cstr(text), part[4];
        for (size_t k = 0; k < 3; k++)
            assert_true(slice_cut(rest, ':', &part[k], &rest));
        (void)snprintf(want, sizeof(want), "%u", f.doors[1][1].port != 0 ? f.doors[1][1].port : f.doors[1][0].port);
        assert_true(slice_eq(part[0], slice_from_cstr(rows[i].host)));
        assert_true(slice_eq(part[1], slice_from_cstr(want)));
        uint64_t expiry;
        assert_true(slice_to_u64(part[2], &expiry));
        assert_in_range(expiry, (uint64_t)f.wall_s + 432000, (uint64_t)f.wall_s + 432000 + 43200);
        assert_int_equal(rest.len, 28);
        fixture_stop(&f);
    }
}

// Clients that ask in the same second have names, and so quotas, of their own.
static void test_credentials_differ(void **state) {
    struct fixture f;
    fixture_start(&f, NULL);
    char first[TURN_CREDENTIALS_MAX], next[TURN_CREDENTIALS_MAX];
    assert_true(turn_credentials(f.server, first));
    int same = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(turn_credentials(f.server, next));
        same += strcmp(first, next) == 0;
    }
    assert_in_range(same, 0, 2);
    fixture_stop(&f);
}

// However long the mail domain is, a browser's first Allocate (28 octets) gets its answer.
static void test_long_domain(void **state) {
    const char *const settings[] = {"mail_domain=a-label-of-thirty-two-characters.a-label-of-thirty-two-characters."
                                    "a-label-of-thirty-two-characters.example",
                                    NULL};
    struct fixture f;
    fixture_start(&f, settings);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    client_learn(&c);
    turn_credential_key(slice_make((const char *)f.secret, sizeof(f.secret)), slice_from_cstr(c.username),
                        slice_make(c.realm, c.realm_len), c.key);
    assert_int_equal(client_allocate(&c, NULL), 0);
    client_close(&c);
    fixture_stop(&f);
}

// Whoever opened the socket may do more than we may, as to the size of its buffers.
static void test_socket_is_left_alone(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct net_address a = address_of("127.0.0.1", 0);
    static const int options[] = {SO_RCVBUF, SO_SNDBUF};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        int fd = udp_bind(&a), before = 0, after = 0;
        socklen_t len = sizeof(int);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, options[i], &before, &len), 0);
        assert_true(turn_server_add_socket(f.server, fd, f.loops[0]));
        assert_int_equal(getsockopt(fd, SOL_SOCKET, options[i], &after, &len), 0);
        assert_int_equal(after, before);
        turn_server_stop(f.server, f.loops[0]);
        assert_int_equal(close(fd), 0);
    }
    fixture_stop(&f);
}

// To a source that has proved nothing: not much more than it sent, and not for ever.
static void test_amplification(void **state) {
    struct fixture f;
    fixture_start(&f, NOTHING);
    struct client c;
    client_open(&c, &f, "127.0.0.1", 0);
    c.impatient = true;
    static const uint16_t methods[] = {TURN_BINDING, TURN_ALLOCATE, TURN_REFRESH};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        size_t answers = 0, octets = 0;
        for (size_t k = 0; k < 1000; k++) {
            struct ask a;
            struct received r;
            ask_begin(&a, &c, methods[i]);
            if (client_ask_bare(&c, &a, &r) < 0)
                continue;
            assert_true(r.len + 28 <= 2 * (a.w.len + 28));
            answers++;
            octets += r.len;
        }
        assert_true(answers > 50 && answers < 300 && octets <= 8 * 1024);
        fixture_pass(&f, 1);
    }
    client_close(&c);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_authentication),
        cmocka_unit_test(test_wrong_user),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_switched_off),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_credentials_differ),
        cmocka_unit_test(test_long_domain),
        cmocka_unit_test(test_socket_is_left_alone),
        cmocka_unit_test(test_amplification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
