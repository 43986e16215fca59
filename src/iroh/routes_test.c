// SPDX-License-Identifier: MIT
// From the request to the client of the relay, on the real web: who is let in by which words, and on which port.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pressure.h"
#include "http/web/test_site.h"
#include "iroh/dialect_b.h"
#include "iroh/fixture.h"
#include "net/loop.h"

static const struct iroh_limits LIMITS = {
    .is_on = true, .is_on_http = true, .max_connections = 20, .connections_per_address = 20};

static struct test_site site;
static struct iroh_relay *relay;

static int set_up(void **state) {
    test_site_start(&site, NULL, NULL);
    relay = iroh_relay_new(&(struct iroh_settings){.loops = &site.world.loop, .n_loops = 1, .limits = LIMITS});
    iroh_relay_add_routes(relay, site.web);
    return 0;
}

static int tear_down(void **state) {
    loop_run_ready(site.world.loop);
    iroh_relay_free(relay);
    test_site_stop(&site);
    clock_use_real();
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct conn *begin(bool tls, const char *request, size_t len) {
    struct http_server *server = tls ? &site.https : &site.http;
    struct conn *c = conn_new_memory(site.world.loop, &http_session_ops, NULL, tls);
    conn_set_session(c, http_session_open(server, c));
    conn_memory_feed(c, request, len);
    loop_run_ready(site.world.loop);
    return c;
}

static void end(struct conn *c) {
    conn_memory_free(c);
    loop_run_ready(site.world.loop);
}

// What genuine clients send.
static const char GET_A[] = "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: 192.0.2.1:3342\r\n\r\n";
static const char GET_B[] = "GET /relay HTTP/1.1\r\nHost: a.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                            "sec-websocket-protocol: iroh-relay-v2, iroh-relay-v1\r\n\r\n";

static void test_dialect_a(void **state) {
    for (int tls = 0; tls < 2; tls++) {
        uint8_t key[IROH_KEY_LEN], secret[64], hello[IROH_A_HELLO_LEN];
        struct conn *c = begin(tls == 1, GET_A, sizeof(GET_A) - 1);
        struct slice out = conn_memory_output(c);
        assert_true(slice_starts_with(out, SLICE("HTTP/1.1 101 Switching Protocols\r\n")));
        assert_true(slice_find_slice(out, SLICE("\r\nUpgrade: iroh derp http\r\n")) < out.len);
        assert_true(slice_ends_with(out, SLICE("\r\n\r\n")));
        conn_memory_take_output(c);
        fixture_key(1, key, secret);
        conn_memory_feed(c, (const char *)hello, fixture_hello_a(key, secret, hello));
        conn_memory_feed(c,
                         "\x0c\0\0\0\x08"
                         "12345678",
                         13);
        loop_run_ready(site.world.loop);
        assert_true(slice_eq(conn_memory_output(c), SLICE("\x0d\0\0\0\x08"
                                                          "12345678")));
        end(c);
    }
}

// Octets that come with the request are not lost.
static void test_early_octets(void **state) {
    uint8_t key[IROH_KEY_LEN], secret[64];
    char text[sizeof(GET_A) + IROH_A_HELLO_LEN + 13];
    fixture_key(1, key, secret);
    size_t len = sizeof(GET_A) - 1;
    memcpy(text, GET_A, len);
    len += fixture_hello_a(key, secret, (uint8_t *)text + len);
    memcpy(text + len,
           "\x0c\0\0\0\x08"
           "12345678",
           13);
    struct conn *c = begin(true, text, len + 13);
    assert_true(slice_ends_with(conn_memory_output(c), SLICE("\r\n\r\n\x0d\0\0\0\x08"
                                                             "12345678")));
    end(c);
}

static void test_dialect_b(void **state) {
    uint8_t key[IROH_KEY_LEN], secret[64], hello[128], type;
    struct conn *c = begin(true, GET_B, sizeof(GET_B) - 1);
    struct slice out = conn_memory_output(c), payload;
    size_t head = slice_find_slice(out, SLICE("\r\n\r\n")) + 4;
    assert_true(slice_starts_with(out, SLICE("HTTP/1.1 101 Switching Protocols\r\n")));
    assert_true(slice_find_slice(out, SLICE("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) < head);
    assert_true(slice_find_slice(out, SLICE("Sec-WebSocket-Protocol: iroh-relay-v2\r\n")) < head);
    out = slice_sub(out, head, out.len);
    assert_true(fixture_next_frame(IROH_B_V2, &out, &type, &payload));
    assert_int_equal(type, IROH_B_SERVER_CHALLENGE);
    fixture_key(1, key, secret);
    size_t len = fixture_hello_b(key, secret, (const uint8_t *)payload.ptr, hello);
    conn_memory_take_output(c);
    conn_memory_feed(c, (const char *)hello, len);
    loop_run_ready(site.world.loop);
    assert_true(slice_eq(conn_memory_output(c), SLICE("\x82\x01\x02")));
    end(c);
}

static void test_refused_requests(void **state) {
    static const struct {
        const char *method_and_target, *fields;
        int want;
    } CASES[] = {
        {"GET /relay", NULL, 400},
        {"GET /derp", NULL, 400},
        {"POST /relay", "Upgrade: iroh derp http\r\n", 405},
        {"HEAD /relay", "Upgrade: iroh derp http\r\n", 400},
        {"GET /relay", "Upgrade: Iroh Derp HTTP\r\n", 400},
        {"GET /relay", "Upgrade: iroh derp http \r\nContent-Length: 5\r\n", 400},
        {"GET /relay", "Upgrade: websocket\r\n", 400},
        // The websocket variant of dialect A: no client has it.
        {"GET /relay",
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\n",
         400},
        {"GET /relay",
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: iroh-relay-v9\r\n",
         400},
        {"GET /relay",
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Protocol: iroh-relay-v2\r\n",
         400},
        {"GET /derp",
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: iroh-relay-v2\r\n",
         400},
        {"GET /relay/", "Upgrade: iroh derp http\r\n", 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct test_reply r = test_ask(&site, "a.org", CASES[i].method_and_target, CASES[i].fields);
        if (r.status != CASES[i].want)
            fail_msg("case %zu: got %d, want %d", i, r.status, CASES[i].want);
    }
}

static void test_ping(void **state) {
    struct test_reply r = test_ask(&site, "a.org", "GET /ping", NULL);
    test_status(&r, 200);
    test_field_is(&r, "Access-Control-Allow-Origin", "*");
    assert_int_equal(r.body.len, 0);
    r = test_ask_plain(&site, "a.org", "GET /ping", NULL);
    test_status(&r, 200);
}

static void assert_answer(bool tls, const char *want) {
    struct conn *c = begin(tls, GET_A, sizeof(GET_A) - 1);
    struct slice out = conn_memory_output(c);
    if (!slice_starts_with(slice_sub(out, 9, out.len), slice_from_cstr(want)))
        fail_msg("got \"%.*s\", want %s", SLICE_FMT(slice_sub(out, 0, 40)), want);
    end(c);
}

static void test_where(void **state) {
    struct iroh_limits limits = LIMITS;
    assert_answer(true, "101");
    assert_answer(false, "101");
    limits.is_on_http = false;
    iroh_relay_set_limits(relay, &limits);
    assert_answer(true, "101");
    assert_answer(false, "301"); // to https, as all else on port 80
    limits.is_on = false;
    iroh_relay_set_limits(relay, &limits);
    assert_answer(true, "404");
    struct test_reply r = test_ask(&site, "a.org", "GET /ping", NULL);
    test_status(&r, 404);
}

static void test_too_many(void **state) {
    struct iroh_limits limits = LIMITS;
    limits.max_connections = 2;
    iroh_relay_set_limits(relay, &limits);
    struct conn *a = begin(true, GET_A, sizeof(GET_A) - 1), *b = begin(true, GET_B, sizeof(GET_B) - 1);
    assert_answer(true, "503");
    end(a);
    assert_answer(true, "101");
    end(b);
}

static void test_overload(void **state) {
    static const unsigned accounts[PRESSURE_N_CAUSES] = {[PRESSURE_MEMORY] = 1},
                          connections[PRESSURE_N_CAUSES] = {[PRESSURE_MEMORY] = 2}, none[PRESSURE_N_CAUSES] = {0};
    pressure_publish(accounts);
    assert_answer(true, "101");
    pressure_publish(connections);
    assert_answer(true, "503");
    pressure_publish(none);
    assert_answer(true, "101");
}

// 50 at once, then ten a second.
static void test_too_often(void **state) {
    clock_set_fake(1000 * 1000, 1800000000);
    for (int i = 0; i < 50; i++)
        assert_answer(true, "101");
    assert_answer(true, "429");
    clock_set_fake(clock_mono_us() + 99 * 1000, 1800000000);
    assert_answer(true, "429");
    clock_set_fake(clock_mono_us() + 1000, 1800000000);
    assert_answer(true, "101");
    assert_answer(true, "429");
    clock_set_fake(clock_mono_us() + 1000 * 1000, 1800000001);
    for (int i = 0; i < 10; i++)
        assert_answer(true, "101");
    assert_answer(true, "429");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_dialect_a), T(test_early_octets), T(test_dialect_b), T(test_refused_requests), T(test_ping),
        T(test_where),     T(test_too_many),     T(test_overload),  T(test_too_often),
    };
    return cmocka_run_group_tests_name("iroh_routes", tests, NULL, NULL);
}
