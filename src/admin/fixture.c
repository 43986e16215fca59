// SPDX-License-Identifier: MIT
#include "admin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static bool challenge_set(void *arg, struct slice token, struct slice authorization) {
    struct control_fixture *f = arg;
    if (token.len + authorization.len > sizeof(f->challenge) - 2)
        return false;
    (void)snprintf(f->challenge, sizeof(f->challenge), "%.*s=%.*s", SLICE_FMT(token), SLICE_FMT(authorization));
    return true;
}

static void challenge_clear(void *arg, struct slice token) {
    struct control_fixture *f = arg;
    if (slice_starts_with(slice_from_cstr(f->challenge), token))
        f->challenge[0] = '\0';
}

void control_fixture_open(struct control_fixture *f, const char *const *settings) {
    *f = (struct control_fixture){0};
    test_world_start(&f->world, settings);
    f->server = (struct control_server){
        .config = f->world.config,
        .store = f->world.store,
        .accounts = f->world.accounts,
        .challenge_set = challenge_set,
        .challenge_clear = challenge_clear,
        .arg = f,
        .started_ms = clock_mono_ms(),
    };
}

void control_fixture_close(struct control_fixture *f) {
    test_world_stop(&f->world);
}

struct conn *control_fixture_connect(struct control_fixture *f) {
    struct conn *c = conn_new_memory(f->world.loop, &control_session_ops, NULL, false);
    conn_set_session(c, control_session_new(&f->server, c));
    return c;
}

enum { STEPS_MAX = 1000 * 1000 }; // of 50 us or more, after which a test hangs

void control_fixture_send(struct control_fixture *f, struct conn *c, const char *text, size_t len) {
    conn_memory_feed(c, text, len);
    loop_run_ready(f->world.loop);
    for (int i = 0; i < STEPS_MAX && !conn_memory_is_closed(c) && conn_is_paused(c); i++) {
        (void)usleep(50);
        loop_run_ready(f->world.loop);
    }
}

const char *control_fixture_answer(struct conn *c) {
    static char text[256 * 1024];
    struct slice out = conn_memory_output(c);
    assert_true(out.len < sizeof(text));
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    conn_memory_take_output(c);
    return text;
}
