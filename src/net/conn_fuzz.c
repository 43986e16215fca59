// SPDX-License-Identifier: MIT
// The life of a connection under any order of events: what arrives, and what a session asks for in its callbacks. Each
// octet that the session is shown says what it does, so the input writes both sides.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
    struct conn *c;
    struct conn_limits *limits;
    struct session *heir; // takes over once
    bool in_callback;
    bool closed;
    bool gone; // has handed over
    bool secure;
    bool tls_expected;
};

static void enter(struct session *s) {
    ASSERT(!s->closed && !s->gone && !s->in_callback);
    s->in_callback = true;
}

static void leave(struct session *s) {
    s->in_callback = false;
}

static const struct conn_ops OPS;

// The session that is there last hears the end.
static void hand_over(struct session *s) {
    struct session *heir = s->heir;
    if (heir == NULL)
        return;
    s->heir = NULL;
    *heir = (struct session){.c = s->c, .limits = s->limits, .secure = s->secure, .tls_expected = s->tls_expected};
    s->gone = true;
    conn_set_handler(s->c, &OPS, heir);
}

static void act(struct session *s, char what) {
    static const char some[200 * 1000];
    switch (what) {
    case 'p':
        if (!conn_is_paused(s->c))
            conn_pause(s->c);
        break;
    case 'r':
        if (conn_is_paused(s->c))
            conn_resume(s->c);
        break;
    case 'c':
        conn_close(s->c);
        break;
    case 'a':
        conn_abort(s->c);
        break;
    case 't':
        if (!s->secure && !conn_is_closing(s->c)) {
            s->secure = s->tls_expected = true;
            conn_start_tls(s->c, NULL);
        }
        break;
    case 'w':
        conn_printf(s->c, "%s %d\r\n", "some words", 1);
        break;
    case 'b':
        conn_write(s->c, some, sizeof(some));
        break;
    case 'm':
        conn_set_timeout(s->c, 1000);
        break;
    case 'h':
        hand_over(s);
        break;
    case 'l':
        conn_set_limits(s->c, s->limits);
        break;
    case 'n':
        conn_set_limits(s->c, NULL);
        break;
    default:
        break;
    }
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct session *s = session;
    enter(s);
    ASSERT(len > 0 && len <= CONN_INPUT_MAX);
    ASSERT(!conn_is_paused(s->c) && !conn_is_closing(s->c) && !s->tls_expected);
    size_t n = 1;
    if (data[0] == 'k') // keeps the octets until there are some more
        n = len < 10 ? 0 : 10;
    else if (data[0] == 'e')
        n = len;
    act(s, data[0]);
    leave(s);
    return n;
}

static void on_drain(void *session) {
    enter(session);
    ASSERT(conn_out_len(((struct session *)session)->c) < CONN_OUT_LOW);
    act(session, 'r');
    act(session, 'w');
    leave(session);
}

static void on_tls(void *session) {
    struct session *s = session;
    enter(s);
    ASSERT(s->tls_expected && conn_is_tls(s->c));
    s->tls_expected = false;
    leave(s);
}

static void on_timeout(void *session) {
    enter(session);
    act(session, 'w');
    act(session, 'c');
    leave(session);
}

static void on_shutdown(void *session) {
    enter(session);
    act(session, 'w');
    leave(session);
}

static void on_close(void *session, enum conn_end why) {
    struct session *s = session;
    enter(s);
    ASSERT(conn_is_closing(s->c));
    s->closed = true;
    leave(s);
}

static const struct conn_ops OPS = {on_read, on_drain, on_tls, on_timeout, on_shutdown, on_close};

// One step of the world outside; returns how many octets of the input it took.
static size_t step(struct session two[2], struct loop *loop, const uint8_t *data, size_t size) {
    struct session *s = two[0].gone ? &two[1] : &two[0];
    size_t n = data[0] & 0x3fu;
    switch (data[0] >> 6) {
    case 0: // octets arrive
        n = n < size - 1 ? n : size - 1;
        conn_memory_feed(s->c, (const char *)data + 1, n);
        return 1 + n;
    case 1:
        loop_run_ready(loop);
        return 1;
    case 2: // the session acts on its own, as after a store operation
        if (!s->closed)
            act(s, (char)('a' + n % 26));
        return 1;
    default:
        break;
    }
    if (n == 0)
        conn_memory_feed_eof(s->c);
    else if (n == 1)
        conn_memory_timeout(s->c);
    else if (n == 2)
        conn_shutdown_all(loop);
    else if (n == 3)
        (void)conn_memory_output(s->c);
    else
        conn_memory_take_output(s->c);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct loop *loop;
    if (loop == NULL)
        loop = loop_new();
    struct session two[2] = {{.heir = &two[1], .limits = conn_limits_new(1, 1)}};
    struct conn *c = two[0].c = conn_new_memory(loop, &OPS, &two[0], false);
    struct conn_limits *limits = two[0].limits;
    while (size > 0) {
        size_t n = step(two, loop, data, size);
        data += n;
        size -= n;
    }
    loop_run_ready(loop);
    const struct session *last = two[0].gone ? &two[1] : &two[0];
    ASSERT(last->closed == conn_memory_is_closed(c));
    conn_memory_free(c);
    ASSERT(last->closed && !two[0].closed == two[0].gone);
    conn_limits_free(limits); // counts nobody any more
    return 0;
}
