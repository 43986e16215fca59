// SPDX-License-Identifier: MIT
// Connections over loopback, in clear and under TLS 1.3: the same cases for both.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/conn_fixture.h"

struct pair {
    struct server server;
    struct client client;
};

static const struct service PLAIN = {.tls_mode = LISTENER_PLAIN, .handshake_timeout_ms = 5000};
static const struct service IMPLICIT = {.tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = 5000};

static struct pair *make(const struct service *svc, int socket_buffer) {
    struct pair *p = MEM_NEW(struct pair);
    server_start(&p->server, svc, NULL);
    client_connect(&p->client, &p->server, socket_buffer);
    if (svc->tls_mode == LISTENER_IMPLICIT)
        assert_int_equal(client_handshake(&p->client, NULL, 0), CLIENT_OK);
    while (p->server.opened == 0)
        server_step(&p->server, true);
    return p;
}

static void done(struct pair *p) {
    client_close(&p->client);
    server_stop(&p->server);
    free(p);
}

static void echo(const struct service *svc) {
    struct pair *p = make(svc, 0);
    assert_int_equal(conn_is_tls(p->server.script.c), svc == &IMPLICIT);
    client_send_text(&p->client, "one\ntw");
    client_expect(&p->client, "one\n");
    client_send_text(&p->client, "o\n");
    client_expect(&p->client, "two\n");
    client_close(&p->client);
    p->client = (struct client){.fd = -1};
    assert_true(server_until_closed(&p->server, PATIENCE_MS));
    assert_int_equal(p->server.script.why, CONN_END_EOF);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

// Both sides send much through small windows; what comes back is what was sent.
static void large(const struct service *svc) {
    enum { TOTAL = 3 * 1024 * 1024, LINE = 1000 };
    struct pair *p = make(svc, 8192);
    char *sent = mem_alloc(TOTAL), *got = mem_alloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++)
        sent[i] = i % LINE == LINE - 1 || i == TOTAL - 1 ? '\n' : (char)('a' + random_u64() % 26);
    size_t out = 0, in = 0;
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (in < TOTAL && clock_mono_ms() < end) {
        size_t n = 0, m = 0;
        if (out < TOTAL)
            assert_int_equal(client_try_write(&p->client, sent + out, TOTAL - out, &n), CLIENT_OK);
        out += n;
        assert_int_equal(client_try_read(&p->client, got + in, TOTAL - in, &m), CLIENT_OK);
        in += m;
        server_step(&p->server, n == 0 && m == 0);
    }
    assert_int_equal(in, TOTAL);
    assert_memory_equal(sent, got, TOTAL);
    free(sent);
    free(got);
    done(p);
}

// Much more than one turn's share arrives while the session is paused; it is shown in order afterwards.
static void pause_resume(const struct service *svc) {
    enum { LINES = 20 * 1000 };
    struct pair *p = make(svc, 0);
    struct script *s = &p->server.script;
    client_send_text(&p->client, "pause\n");
    client_expect(&p->client, "pause\n");
    for (int i = 0; i < LINES; i++)
        assert_int_equal(client_send_text(&p->client, "0123456789\n"), CLIENT_OK);
    server_step(&p->server, true);
    assert_int_equal(s->lines, 1);
    conn_resume(s->c);
    assert_int_equal(s->lines, 1);
    for (int i = 0; i < LINES; i++)
        client_expect(&p->client, "0123456789\n");
    assert_int_equal(s->lines, 1 + LINES);
    done(p);
}

// The last words arrive whole, although the client reads late and we never read what else it sent.
static void close_with_output(const struct service *svc) {
    struct pair *p = make(svc, 16384);
    char more[50 * 1000];
    memset(more, 'x', sizeof(more));
    client_send_text(&p->client, "big\n");
    server_until_lines(&p->server, 1);
    size_t len;
    (void)client_try_write(&p->client, more, sizeof(more), &len);
    conn_close(p->server.script.c);
    assert_true(server_until_closed(&p->server, PATIENCE_MS));
    assert_int_equal(p->server.script.why, CONN_END_LOCAL);
    assert_int_equal(conn_count(), 1);
    (void)client_try_write(&p->client, more, sizeof(more), &len);
    assert_int_equal(client_read_to_end(&p->client, &len), CLIENT_EOF);
    assert_int_equal(len, 4 + SCRIPT_BIG);
    client_close(&p->client);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    p->client = (struct client){.fd = -1};
    done(p);
}

static void abort_at_once(const struct service *svc) {
    struct pair *p = make(svc, 0);
    client_send_text(&p->client, "abort\n");
    size_t len;
    assert_int_not_equal(client_read_to_end(&p->client, &len), CLIENT_STUCK);
    assert_int_equal(len, 0);
    assert_int_equal(conn_count(), 0);
    done(p);
}

// A client that asks and asks and does not read is slowed down; a session that writes and writes loses it.
static void overflow(const struct service *svc) {
    struct pair *p = make(svc, 8192);
    client_send_text(&p->client, "big\n");
    server_until_lines(&p->server, 1);
    char lines[64 * 1024];
    memset(lines, '\n', sizeof(lines));
    for (int i = 0; i < 100; i++) {
        size_t n;
        assert_int_equal(client_try_write(&p->client, lines, sizeof(lines), &n), CLIENT_OK);
        server_step(&p->server, false);
    }
    struct script *s = &p->server.script;
    assert_int_equal(s->closes, 0);
    assert_in_range(conn_out_len(s->c), 1, CONN_OUT_MAX / 4);
    char *much = mem_zalloc(1, CONN_OUT_MAX);
    conn_write(s->c, much, CONN_OUT_MAX);
    free(much);
    assert_true(conn_is_closing(s->c));
    assert_int_equal(s->closes, 0);
    assert_true(server_until_closed(&p->server, PATIENCE_MS));
    assert_int_equal(s->why, CONN_END_OVERFLOW);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

static void drain(const struct service *svc) {
    struct pair *p = make(svc, 8192);
    client_send_text(&p->client, "big\nclose\n");
    server_until_lines(&p->server, 1);
    server_step(&p->server, true);
    assert_int_equal(p->server.script.lines, 1); // the rest is held until the client has read
    size_t len;
    assert_int_equal(client_read_to_end(&p->client, &len), CLIENT_EOF);
    assert_int_equal(len, 4 + SCRIPT_BIG + 6);
    assert_int_equal(p->server.script.drains, 1);
    done(p);
}

static void timeout(const struct service *svc) {
    struct pair *p = make(svc, 0);
    struct script *s = &p->server.script;
    conn_set_timeout(s->c, 400);
    uint64_t start = clock_mono_ms();
    while (clock_mono_ms() < start + 250)
        server_step(&p->server, true);
    client_send_text(&p->client, "alive\n");
    client_expect(&p->client, "alive\n");
    size_t len;
    assert_int_equal(client_read_to_end(&p->client, &len), CLIENT_EOF);
    assert_int_equal(len, 5);
    assert_in_range(clock_mono_ms() - start, 600, 4000);
    assert_int_equal(s->timeouts, 1);
    assert_int_equal(s->why, CONN_END_TIMEOUT);
    done(p);
}

enum reset_at { RESET_OPEN, RESET_PAUSED, RESET_WRITING, RESET_LINGER, RESET_DRAIN, RESET_HALF_CLOSED };

static void reset(const struct service *svc, enum reset_at at) {
    static const char *const SAY[] = {"hello\n", "pause\n", "big\n", "big\n", "close\n", "hello\n"};
    struct pair *p = make(svc, 8192);
    struct script *s = &p->server.script;
    conn_set_timeout(s->c, 300);
    client_send_text(&p->client, SAY[at]);
    if (at == RESET_HALF_CLOSED)
        assert_int_equal(shutdown(p->client.fd, SHUT_WR), 0);
    server_until_lines(&p->server, 1);
    if (at == RESET_LINGER)
        conn_close(s->c);
    server_step(&p->server, at == RESET_DRAIN);
    client_reset(&p->client);
    p->client = (struct client){.fd = -1};
    assert_true(server_until_closed(&p->server, PATIENCE_MS));
    assert_int_equal(s->timeouts, 0);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

static void test_echo(void **state) {
    echo(*state);
}
static void test_large(void **state) {
    large(*state);
}
static void test_pause_resume(void **state) {
    pause_resume(*state);
}
static void test_close_with_output(void **state) {
    close_with_output(*state);
}
static void test_abort(void **state) {
    abort_at_once(*state);
}
static void test_overflow(void **state) {
    overflow(*state);
}
static void test_drain(void **state) {
    drain(*state);
}
static void test_timeout(void **state) {
    timeout(*state);
}

static void test_reset(void **state) {
    for (int at = RESET_OPEN; at <= RESET_HALF_CLOSED; at++)
        reset(*state, (enum reset_at)at);
}

static void test_shutdown(void **state) {
    struct pair *p = make(*state, 0);
    conn_shutdown_all(p->server.loop);
    client_expect(&p->client, "bye\n");
    size_t len;
    assert_int_equal(client_read_to_end(&p->client, &len), CLIENT_EOF);
    assert_int_equal(p->server.script.shutdowns, 1);
    done(p);
}

// A client that neither closes nor reads does not hold up the end, whether the relay was parting from it already or
// not.
static void test_shutdown_does_not_linger(void **state) {
    for (int parting = 0; parting < 2; parting++) {
        struct pair *p = make(*state, 0);
        if (parting) {
            conn_close(p->server.script.c);
            assert_true(server_until_closed(&p->server, PATIENCE_MS));
            assert_false(server_until_empty(&p->server, 300));
        }
        conn_shutdown_all(p->server.loop);
        assert_true(server_until_empty(&p->server, 1000));
        done(p);
    }
}

static void test_loop_freed_first(void **state) {
    struct pair *p = make(*state, 0);
    client_send_text(&p->client, "big\n");
    server_until_lines(&p->server, 1);
    server_stop(&p->server); // says that on_close came once and no connection is left
    client_close(&p->client);
    free(p);
}

int main(void) {
#define BOTH(f)                                                                                                        \
    {#f "_plain", f, NULL, NULL, (void *)(uintptr_t)&PLAIN}, {                                                         \
#f "_tls", f, NULL, NULL, (void *)(uintptr_t)&IMPLICIT                                                         \
    }
    const struct CMUnitTest tests[] = {
        BOTH(test_echo),
        BOTH(test_large),
        BOTH(test_pause_resume),
        BOTH(test_close_with_output),
        BOTH(test_abort),
        BOTH(test_overflow),
        BOTH(test_drain),
        BOTH(test_timeout),
        BOTH(test_reset),
        BOTH(test_shutdown),
        BOTH(test_shutdown_does_not_linger),
        BOTH(test_loop_freed_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
