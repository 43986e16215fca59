// SPDX-License-Identifier: MIT
// The server behind a real socket and real TLS: a large answer to a client that reads slowly is held back, one to a
// client that reads nothing or next to nothing ends in time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/http.h"
#include "net/conn_fixture.h"

enum { LARGE = 8 * 1024 * 1024, IDLE_MS = 150, HANDSHAKE_MS = PATIENCE_MS, STALL_MS = 400 };

static struct {
    struct server net; // its script is not used: the sessions here are ours
    struct http_server http;
    char *large;
    struct conn *c;
    size_t most; // that the connection held of the answer
    int releases, requests;
} world;

static void release(void *arg) {
    world.releases++;
}

static void on_request(void *arg, struct http_exchange *x) {
    world.requests++;
    world.c = http_exchange_conn(x);
    if (slice_eq(http_exchange_request(x)->path, SLICE("/large")))
        http_respond(
            x, &(struct http_response){.status = 200, .body = slice_make(world.large, LARGE), .release = release});
    else
        http_respond_text(x, 200, "small");
}

static int setup(void **state) {
    memset(&world, 0, sizeof(world));
    world.large = mem_alloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        world.large[i] = (char)('a' + i % 23);
    world.http = (struct http_server){.on_request = on_request, .idle_timeout_ms = IDLE_MS};
    struct service service = {
        .tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = HANDSHAKE_MS, .stall_timeout_ms = STALL_MS};
    server_start(&world.net, &service, &(struct tls_settings){.allow_tls12 = true});
    listener_free(world.net.listener);
    world.net.svc.ops = &http_session_ops;
    world.net.svc.on_open = http_session_open;
    world.net.svc.arg = &world.http;
    world.net.listener = listener_new(world.net.fd, world.net.loop, &world.net.loop, 1, &world.net.svc);
    return 0;
}

static int teardown(void **state) {
    server_stop(&world.net);
    free(world.large);
    return 0;
}

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

// Reads what comes until `text` is the end of it, and checks the body of a large answer on the way.
static size_t read_until(struct client *c, const char *text) {
    static char tail[64];
    static char got[16 * 1024];
    size_t total = 0, n = 0, len = strlen(text);
    memset(tail, 0, sizeof(tail));
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (clock_mono_ms() < end && memcmp(tail + sizeof(tail) - len, text, len) != 0) {
        server_step(&world.net, n == 0);
        if (world.releases == 0 && world.c != NULL && conn_out_len(world.c) > world.most)
            world.most = conn_out_len(world.c);
        if (client_try_read(c, got, sizeof(got), &n) != CLIENT_OK)
            break;
        total += n;
        size_t keep = n < sizeof(tail) ? n : sizeof(tail);
        memmove(tail, tail + keep, sizeof(tail) - keep);
        memcpy(tail + sizeof(tail) - keep, got + n - keep, keep);
    }
    if (memcmp(tail + sizeof(tail) - len, text, len) != 0)
        fail_msg("got %zu octets and not \"%s\" at the end", total, text);
    return total;
}

static void test_large_answer_is_held_back(void **state) {
    struct client c;
    client_connect(&c, &world.net, 32 * 1024);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    assert_int_equal(client_send_text(&c, ASK("/large") ASK("/small")), CLIENT_OK);
    size_t got = read_until(&c, "\r\n\r\nsmall\n");
    assert_in_range(got, LARGE, LARGE + 1000);
    assert_int_equal(world.releases, 1);
    assert_int_equal(world.requests, 2);
    assert_in_range(world.most, 1, CONN_OUT_HIGH + 65 * 1024);
    client_close(&c);
    assert_true(server_until_empty(&world.net, PATIENCE_MS));
}

static void test_client_that_does_not_read(void **state) {
    struct client c;
    client_connect(&c, &world.net, 4 * 1024);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    assert_int_equal(client_send_text(&c, ASK("/large")), CLIENT_OK);
    assert_true(server_until_empty(&world.net, PATIENCE_MS));
    assert_int_equal(world.releases, 1);
    client_close(&c);
}

static void test_client_that_reads_next_to_nothing(void **state) {
    struct client c;
    client_connect(&c, &world.net, 4 * 1024);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    assert_int_equal(client_send_text(&c, ASK("/large")), CLIENT_OK);
    char some[100];
    uint64_t end = clock_mono_ms() + 20 * STALL_MS, next = 0;
    while (world.releases == 0 && clock_mono_ms() < end) {
        server_step(&world.net, true);
        if (clock_mono_ms() < next)
            continue;
        next = clock_mono_ms() + 10;
        size_t n;
        (void)client_try_read(&c, some, sizeof(some), &n);
    }
    assert_int_equal(world.releases, 1);
    assert_true(server_until_empty(&world.net, PATIENCE_MS));
    client_close(&c);
}

static void test_idle_client(void **state) {
    struct client c;
    client_connect(&c, &world.net, 0);
    assert_int_equal(client_handshake(&c, NULL, 0), CLIENT_OK);
    assert_int_equal(client_send_text(&c, ASK("/small")), CLIENT_OK);
    (void)read_until(&c, "\r\n\r\nsmall\n");
    size_t len;
    assert_int_equal(client_read_to_end(&c, &len), CLIENT_EOF);
    assert_int_equal(len, 0);
    client_close(&c);
    assert_true(server_until_empty(&world.net, PATIENCE_MS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_large_answer_is_held_back),
        TEST(test_client_that_does_not_read),
        TEST(test_client_that_reads_next_to_nothing),
        TEST(test_idle_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
