// SPDX-License-Identifier: MIT
// Clients that read too slowly, and those that read slowly but well. Over loopback, in clear and under TLS; the time
// that is five minutes in use is a fraction of a second here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_fixture.h"
#include "net/conn_internal.h"

enum {
    STALL_MS = 400,
    STEP_MS = 10, // between two reads of a slow client
    SMALL = 8 * 1024,
    LARGE = 200 * 1024,
};

static const struct service PLAIN = {
    .tls_mode = LISTENER_PLAIN, .handshake_timeout_ms = 5000, .stall_timeout_ms = STALL_MS};
static const struct service IMPLICIT = {
    .tls_mode = LISTENER_IMPLICIT, .handshake_timeout_ms = 5000, .stall_timeout_ms = STALL_MS};

struct pair {
    struct server server;
    struct client client;
};

// The server has `len` octets to send and the client has not read any. The client's buffers are small, and those of the
// server's kernel, too, or as said.
static struct pair *make(const struct service *svc, int send_buffer, size_t len) {
    struct pair *p = MEM_NEW(struct pair);
    server_start(&p->server, svc, NULL);
    client_connect(&p->client, &p->server, SMALL);
    if (svc->tls_mode == LISTENER_IMPLICIT)
        assert_int_equal(client_handshake(&p->client, NULL, 0), CLIENT_OK);
    while (p->server.opened == 0)
        server_step(&p->server, true);
    int fd = p->server.script.c->fd;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(int)), 0);
    char *much = mem_zalloc(1, len);
    conn_write(p->server.script.c, much, len);
    free(much);
    server_step(&p->server, true);
    assert_true(conn_out_len(p->server.script.c) > 0);
    return p;
}

static void done(struct pair *p) {
    client_close(&p->client);
    server_stop(&p->server);
    free(p);
}

// Reads up to `piece` octets every STEP_MS, for so long or until the connection has gone; returns how many in all.
static size_t read_slowly(struct pair *p, size_t piece, uint64_t ms) {
    static char got[64 * 1024];
    size_t total = 0;
    assert_true(piece <= sizeof(got));
    uint64_t end = clock_mono_ms() + ms, next = 0;
    while (clock_mono_ms() < end && conn_count() > 0) {
        server_step(&p->server, true);
        if (clock_mono_ms() < next)
            continue;
        next = clock_mono_ms() + STEP_MS;
        size_t n;
        if (client_try_read(&p->client, got, piece, &n) != CLIENT_OK)
            break;
        total += n;
    }
    return total;
}

// Takes something all the time, and never enough.
static void test_trickle(void **state) {
    struct pair *p = make(*state, SMALL, SCRIPT_BIG);
    size_t got = read_slowly(p, 100, 8 * STALL_MS);
    assert_int_equal(p->server.script.closes, 1);
    assert_int_equal(p->server.script.why, CONN_END_OVERFLOW);
    assert_int_equal(p->server.script.timeouts, 0);
    assert_in_range(got, 1, 100 * 1024);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

// Nor does a session that waits for something, or input that comes in the meantime, keep it.
static void test_trickle_while_paused(void **state) {
    struct pair *p = make(*state, SMALL, SCRIPT_BIG / 2);
    conn_pause(p->server.script.c);
    (void)read_slowly(p, 100, 8 * STALL_MS);
    assert_int_equal(p->server.script.why, CONN_END_OVERFLOW);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

static void test_busy_client_that_does_not_read(void **state) {
    struct pair *p = make(*state, SMALL, SCRIPT_BIG / 2);
    conn_set_timeout(p->server.script.c, STALL_MS);
    uint64_t end = clock_mono_ms() + 8 * STALL_MS;
    while (clock_mono_ms() < end && p->server.script.closes == 0) {
        size_t n;
        (void)client_try_write(&p->client, "noop\n", 5, &n);
        server_step(&p->server, true);
        (void)usleep(STEP_MS * 1000);
    }
    assert_int_equal(p->server.script.timeouts, 0);
    assert_int_equal(p->server.script.why, CONN_END_OVERFLOW);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

// After the session has gone, too.
static void test_trickle_of_last_words(void **state) {
    struct pair *p = make(*state, SMALL, SCRIPT_BIG);
    conn_close(p->server.script.c);
    (void)read_slowly(p, 100, 8 * STALL_MS);
    assert_int_equal(p->server.script.why, CONN_END_LOCAL);
    assert_int_equal(conn_count(), 0);
    done(p);
}

// Some 300 octets a millisecond: many times what is wanted, and still a while of several times the limit.
static void test_slow_but_well(void **state) {
    struct pair *p = make(*state, SMALL, SCRIPT_BIG * 2);
    uint64_t start = clock_mono_ms();
    size_t got = 0;
    while (p->server.script.closes == 0 && conn_out_len(p->server.script.c) > 0 &&
           clock_mono_ms() < start + PATIENCE_MS)
        got += read_slowly(p, 3000, 100);
    assert_int_equal(p->server.script.closes, 0);
    assert_true(clock_mono_ms() - start > 2 * STALL_MS);
    assert_true(got > SCRIPT_BIG);
    done(p);
}

// Reads slowly for so long; for how long at most nothing left us meanwhile.
static uint64_t longest_rest(struct pair *p, uint64_t ms) {
    const struct conn *c = p->server.script.c;
    size_t left = conn_out_len(c);
    uint64_t end = clock_mono_ms() + ms, since = clock_mono_ms(), longest = 0;
    while (clock_mono_ms() < end && p->server.script.closes == 0) {
        (void)read_slowly(p, 1000, STEP_MS);
        if (conn_count() == 0 || conn_out_len(c) != left)
            since = clock_mono_ms();
        left = conn_count() > 0 ? conn_out_len(c) : 0;
        if (clock_mono_ms() - since > longest)
            longest = clock_mono_ms() - since;
    }
    return longest;
}

// When the kernel's buffer is large the socket does not become writable for long after a client has begun to read: it
// is alive all the same.
static void test_inactivity_is_what_the_peer_does(void **state) {
    struct pair *p = make(*state, LARGE, SCRIPT_BIG * 2);
    struct script *s = &p->server.script;
    size_t before = conn_out_len(s->c);
    conn_set_timeout(s->c, 100);
    uint64_t longest = longest_rest(p, 1350);
    assert_int_equal(s->timeouts, 0);
    assert_true(longest > 200); // else the test shows nothing
    assert_true(conn_out_len(s->c) < before);
    assert_true(server_until_closed(&p->server, PATIENCE_MS)); // now it takes nothing
    assert_int_equal(s->timeouts, 1);
    done(p);
}

// A session that has less patience than its service, and is content with less.
static void test_stall_of_a_session(void **state) {
    struct service svc = *(const struct service *)*state;
    svc.stall_timeout_ms = 60 * 1000;
    struct pair *p = make(&svc, SMALL, SCRIPT_BIG);
    conn_set_stall(p->server.script.c, STALL_MS, 1);
    (void)read_slowly(p, 1000, 4 * STALL_MS); // of TLS: a record in less than half of the time
    assert_int_equal(p->server.script.closes, 0);
    uint64_t start = clock_mono_ms();
    while (p->server.script.closes == 0 && clock_mono_ms() < start + 10 * STALL_MS)
        server_step(&p->server, true); // and now it takes nothing
    assert_int_equal(p->server.script.why, CONN_END_OVERFLOW);
    assert_true(server_until_empty(&p->server, PATIENCE_MS));
    done(p);
}

int main(void) {
#define BOTH(f)                                                                                                        \
    {#f "_plain", f, NULL, NULL, (void *)(uintptr_t)&PLAIN}, {                                                         \
#f "_tls", f, NULL, NULL, (void *)(uintptr_t)&IMPLICIT                                                         \
    }
    const struct CMUnitTest tests[] = {
        BOTH(test_trickle),
        BOTH(test_trickle_while_paused),
        BOTH(test_busy_client_that_does_not_read),
        BOTH(test_trickle_of_last_words),
        BOTH(test_slow_but_well),
        BOTH(test_stall_of_a_session),
        BOTH(test_inactivity_is_what_the_peer_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
