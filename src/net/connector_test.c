// SPDX-License-Identifier: MIT
// Connecting: addresses that refuse, swallow or answer, of both families, and giving up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/panic.h"
#include "net/client_fixture.h"
#include "net/listener.h"

enum kind { NONE, ALIVE, DEAD, HOLE }; // listens, refuses, does not answer

struct place {
    enum kind kind;
    const char *ip;
};

static struct connector_settings settings_for(struct near *n, const struct net_address *to, size_t n_to) {
    return (struct connector_settings){
        .addresses = to,
        .n_addresses = n_to,
        .ops = &NEAR_OPS,
        .on_open = near_open,
        .on_failed = near_failed,
        .arg = n,
    };
}

// Ends a connection that is open, and all that is under way.
static void finish(struct loop *loop, struct near *n) {
    if (n->c != NULL)
        conn_abort(n->c);
    loop_run_ready(loop);
    loop_free(loop);
    assert_int_equal(conn_count(), 0);
}

struct stage {
    struct net_address addresses[4];
    struct far_hole holes[4];
    int fds[4];
};

static size_t set_up(struct stage *s, const struct place places[4]) {
    size_t n = 0;
    for (; n < 4 && places[n].kind != NONE; n++) {
        s->fds[n] = s->holes[n].fd = -1;
        if (places[n].kind == ALIVE)
            s->fds[n] = far_listen(places[n].ip, &s->addresses[n]);
        else if (places[n].kind == DEAD)
            s->addresses[n] = far_refusing(places[n].ip);
        else
            far_hole_open(&s->holes[n], places[n].ip);
        if (places[n].kind == HOLE)
            s->addresses[n] = s->holes[n].address;
    }
    return n;
}

static void tear_down(struct stage *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (s->fds[i] >= 0)
            (void)close(s->fds[i]);
        if (s->holes[i].fd >= 0)
            far_hole_close(&s->holes[i]);
    }
}

static void test_attempts(void **state) {
    enum { LONG = 20 * 1000, SHORT = 60 };
    static const struct {
        const char *what;
        struct place places[4];
        uint32_t delay_ms;
        int winner; // index, or -1
        const char *why;
    } cases[] = {
        {"no address", {{0}}, LONG, -1, "no address"},
        {"refused", {{DEAD, "127.0.0.1"}}, LONG, -1, "connection refused"},
        {"all refused", {{DEAD, "::1"}, {DEAD, "127.0.0.1"}, {DEAD, "::1"}}, LONG, -1, "connection refused"},
        {"black hole", {{HOLE, "127.0.0.1"}}, SHORT, -1, "timed out"},
        {"one alive", {{ALIVE, "127.0.0.1"}}, LONG, 0, NULL},
        {"one alive, IPv6", {{ALIVE, "::1"}}, LONG, 0, NULL},
        {"the first wins", {{ALIVE, "::1"}, {ALIVE, "127.0.0.1"}}, LONG, 0, NULL},
        {"the order given", {{ALIVE, "127.0.0.1"}, {ALIVE, "::1"}}, LONG, 0, NULL},
        {"refusal goes on at once", {{DEAD, "::1"}, {ALIVE, "127.0.0.1"}}, LONG, 1, NULL},
        {"same family", {{DEAD, "127.0.0.1"}, {DEAD, "127.0.0.1"}, {ALIVE, "127.0.0.1"}}, LONG, 2, NULL},
        {"the other family is next", {{DEAD, "::1"}, {HOLE, "::1"}, {ALIVE, "127.0.0.1"}}, LONG, 2, NULL},
        {"a hole costs the delay", {{HOLE, "127.0.0.1"}, {ALIVE, "127.0.0.1"}}, SHORT, 1, NULL},
        {"holes, refusal, alive", {{HOLE, "::1"}, {HOLE, "127.0.0.1"}, {DEAD, "::1"}, {ALIVE, "::1"}}, SHORT, 3, NULL},
        {"hole and refusal", {{HOLE, "::1"}, {DEAD, "127.0.0.1"}}, SHORT, -1, "timed out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage stage;
        size_t n_places = set_up(&stage, cases[i].places);
        struct loop *loop = loop_new();
        struct near n = {0};
        struct connector_settings s = settings_for(&n, stage.addresses, n_places);
        s.timeout_ms = cases[i].winner < 0 ? 600 : 0;
        s.delay_ms = cases[i].delay_ms;
        (void)connector_start(loop, &s);
        assert_false(n.failed || n.opened); // never within the call
        bool open = near_until(loop, cases[i].winner >= 0 ? &n.opened : &n.failed, NEAR_PATIENCE_MS);
        if (!open || n.opened != (cases[i].winner >= 0))
            fail_msg("%s: opened %d, failed %d (%s)", cases[i].what, n.opened, n.failed, n.error);
        if (n.opened) {
            struct net_address got = conn_peer(n.c);
            if (got.port != stage.addresses[cases[i].winner].port)
                fail_msg("%s: another address won", cases[i].what);
        } else {
            assert_string_equal(n.error, cases[i].why);
        }
        finish(loop, &n);
        tear_down(&stage, n_places);
    }
}

static void test_delay(void **state) {
    struct far_hole hole;
    far_hole_open(&hole, "127.0.0.1");
    struct net_address to[2] = {hole.address};
    int fd = far_listen("127.0.0.1", &to[1]);
    struct loop *loop = loop_new();
    struct near n = {0};
    const struct connector_settings s = settings_for(&n, to, 2);
    uint64_t from = clock_mono_ms();
    (void)connector_start(loop, &s);
    assert_true(near_until(loop, &n.opened, NEAR_PATIENCE_MS));
    uint64_t took = clock_mono_ms() - from;
    assert_in_range(took, CONNECTOR_DELAY_MS - 10, CONNECTOR_DELAY_MS + 700);
    finish(loop, &n);
    far_hole_close(&hole);
    (void)close(fd);
}

static void test_cancel(void **state) {
    struct far_hole hole;
    far_hole_open(&hole, "127.0.0.1");
    for (int ms = 0; ms < 200; ms += 50) {
        struct loop *loop = loop_new();
        struct near n = {0};
        bool never = false;
        struct net_address to[2] = {hole.address, hole.address};
        struct connector_settings s = settings_for(&n, to, 2);
        s.delay_ms = 80;
        s.timeout_ms = 300;
        struct connector *co = connector_start(loop, &s);
        if (ms > 0)
            (void)near_until(loop, &never, ms);
        connector_cancel(co);
        (void)near_until(loop, &never, 20);
        assert_false(n.opened || n.failed);
        finish(loop, &n);
    }
    connector_cancel(NULL);
    far_hole_close(&hole);
}

static void *open_nothing(void *arg, struct conn *c) {
    ((struct near *)arg)->opened = true;
    return NULL;
}

static void test_no_session(void **state) {
    struct net_address to;
    int fd = far_listen("127.0.0.1", &to);
    struct loop *loop = loop_new();
    struct near n = {0};
    struct connector_settings s = settings_for(&n, &to, 1);
    s.on_open = open_nothing;
    (void)connector_start(loop, &s);
    assert_true(near_until(loop, &n.opened, NEAR_PATIENCE_MS));
    finish(loop, &n);
    (void)close(fd);
}

static void test_address_text(void **state) {
    static const struct {
        const char *text, *want; // NULL: none
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"::1", "::1"},
        {"2001:DB8::00ff", "2001:db8::ff"},
        {"::ffff:10.0.0.2", "10.0.0.2"},
        {"", NULL},
        {"127.1", NULL},
        {"[::1]", NULL},
        {"host", NULL},
        {"1.2.3.4.5", NULL},
        {"10.0.0.256", NULL},
        {"::1%lo", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address a = {.port = 25};
        char text[NET_ADDRESS_TEXT_MAX];
        bool ok = net_address_parse(slice_from_cstr(cases[i].text), &a);
        if (ok != (cases[i].want != NULL))
            fail_msg("%s: got %d", cases[i].text, ok);
        if (!ok)
            continue;
        net_address_write(&a, text);
        assert_string_equal(text, cases[i].want);
        assert_int_equal(a.port, 25);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts),   cmocka_unit_test(test_delay),        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_no_session), cmocka_unit_test(test_address_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
