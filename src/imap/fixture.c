// SPDX-License-Identifier: MIT
#include "imap/fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "imap/session.h"
#include "imap/share.h"
#include "intake/hub.h"
#include "net/worker.h"
#include "store/message_ops.h"

enum { WAIT_MS = 60 * 1000, OVERRIDES_MAX = 16 };

static void on_complaint(void *arg, const struct config_complaint *c) {
    print_error("%s\n", c->text);
}

static struct config *make_config(const char *const *settings) {
    // The machine that runs the tests may be busy; accounts are to be created all the same.
    const char *overrides[OVERRIDES_MAX] = {"max_load_1m=100000", "min_available_memory=0", "min_free_disk_space=0"};
    size_t n = 3;
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++)
        overrides[n++] = settings[i];
    struct config *c =
        config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "test.ini", overrides, on_complaint, NULL);
    assert_non_null(c);
    return c;
}

void fixture_open(struct fixture *f, const char *const *settings) {
    *f = (struct fixture){0};
    log_set_level(LOG_LEVEL_ERROR);
    memcpy(f->dir, "/tmp/imap_test.XXXXXX", 22);
    assert_non_null(mkdtemp(f->dir));
    f->loop = loop_new();
    f->crypt = worker_pool_new("crypt", 1);
    const char *error = NULL;
    struct store_settings s = {.dir = f->dir, .mailbox_quota = 100 * 1024 * 1024, .n_readers = 1};
    f->server.store = store_open(&s, &error);
    if (f->server.store == NULL)
        fail_msg("store: %s", error);
    f->server.shares = imap_share_new();
    f->server.hub = hub_new(&f->loop, 1);
    store_set_on_change(f->server.store, hub_publish, f->server.hub);
    f->server.config = config_holder_new(make_config(settings));
    f->server.accounts = account_service_new(f->server.config, f->server.store, f->crypt);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    return remove(path);
}

void fixture_close(struct fixture *f) {
    for (size_t i = 0; i < ARRAY_LEN(f->clients); i++)
        if (f->clients[i] != NULL)
            client_close(f->clients[i]);
    worker_pool_free(f->crypt);
    store_close(f->server.store);
    loop_run_ready(f->loop);
    account_service_free(f->server.accounts);
    imap_share_free(f->server.shares);
    hub_free(f->server.hub);
    config_holder_free(f->server.config);
    loop_free(f->loop);
    assert_int_equal(nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

// A moment for the other threads.
static void wait_a_little(struct fixture *f) {
    loop_run_ready(f->loop);
    usleep(200);
    loop_run_ready(f->loop);
}

void fixture_wait(struct fixture *f, const bool *flag) {
    for (uint64_t start = clock_mono_ms(); !*flag && clock_mono_ms() - start < WAIT_MS;)
        wait_a_little(f);
    assert_true(*flag);
}

static void set_flag(struct store_op *op) {
    *(bool *)op->arg = true;
}

void fixture_run_op(struct fixture *f, struct store_op *op) {
    bool done = false;
    store_op_submit(f->server.store, f->loop, op, set_flag, &done);
    fixture_wait(f, &done);
}

static void on_body_finished(void *arg, enum store_status status) {
    assert_int_equal(status, STORE_OK);
    *(bool *)arg = true;
}

void fixture_deliver(struct fixture *f, const char *address, const char *text, size_t len) {
    static uint8_t dedup[32];
    struct store_body *body = store_body_new(f->server.store, f->loop);
    for (size_t at = 0; at < len; at += 65536) {
        (void)store_body_write(body, slice_sub(slice_make(text, len), at, at + 65536));
        wait_a_little(f);
    }
    bool finished = false;
    store_body_finish(body, on_body_finished, &finished);
    fixture_wait(f, &finished);
    dedup[0]++;
    dedup[1] = (uint8_t)(dedup[1] + (dedup[0] == 0));
    struct store_deliver *d = store_deliver_new(body, dedup);
    store_deliver_add(d, slice_from_cstr(address));
    fixture_run_op(f, &d->op);
    assert_int_equal(d->op.status, STORE_OK);
    assert_int_equal(d->deliveries[0].ret_outcome, STORE_DELIVERED);
    store_op_free(&d->op);
}

void client_open(struct client *c, struct fixture *f, bool tls) {
    *c = (struct client){.f = f};
    size_t slot = 0;
    while (slot < ARRAY_LEN(f->clients) && f->clients[slot] != NULL)
        slot++;
    assert_true(slot < ARRAY_LEN(f->clients));
    f->clients[slot] = c;
    c->c = conn_new_memory(f->loop, &imap_session_ops, NULL, tls);
    c->session = imap_session_open(&f->server, c->c);
    conn_set_session(c->c, c->session);
}

void client_close(struct client *c) {
    conn_memory_free(c->c);
    c->c = NULL;
    for (size_t i = 0; i < ARRAY_LEN(c->f->clients); i++)
        if (c->f->clients[i] == c)
            c->f->clients[i] = NULL;
}

void client_send(struct client *c, const char *text, size_t len) {
    size_t step = c->step > 0 ? c->step : len;
    for (size_t at = 0; at < len; at += step) {
        conn_memory_feed(c->c, text + at, at + step < len ? step : len - at);
        loop_run_ready(c->f->loop);
    }
}

// Whether `got` is what `want` says.
static bool matches(struct slice got, const char *want) {
    size_t g = 0;
    for (; *want != '\0'; want++) {
        if (*want == '~') {
            char stop = want[1] == '\0' ? '\n' : want[1];
            while (g < got.len && got.ptr[g] != stop && got.ptr[g] != '\r')
                g++;
        } else if (g == got.len || got.ptr[g++] != *want) {
            return false;
        }
    }
    return g == got.len;
}

void client_expect(struct client *c, const char *want) {
    uint64_t start = clock_mono_ms();
    loop_run_ready(c->f->loop);
    while (!matches(conn_memory_output(c->c), want)) {
        if (clock_mono_ms() - start > WAIT_MS) {
            struct slice got = conn_memory_output(c->c);
            print_error("got:\n%.*s\nwant:\n%s\n", (int)(got.len < 4000 ? got.len : 4000), got.ptr, want);
            fail();
        }
        wait_a_little(c->f);
    }
    conn_memory_take_output(c->c);
}

void client_talk(struct client *c, const char *send, const char *want) {
    if (send != NULL)
        client_send(c, send, strlen(send));
    client_expect(c, want);
}

void client_login(struct client *c, const char *user) {
    char line[200];
    client_expect(c, "* OK [CAPABILITY ~] martlet ready\r\n");
    (void)snprintf(line, sizeof(line), "L LOGIN \"%s\" \"rzPp6fZ4PZYWZeFxG71qbt\"\r\n", user);
    client_talk(c, line, "L OK [CAPABILITY ~] Logged in\r\n");
}

void client_expect_closed(struct client *c) {
    for (uint64_t start = clock_mono_ms(); !conn_memory_is_closed(c->c) && clock_mono_ms() - start < WAIT_MS;)
        wait_a_little(c->f);
    assert_true(conn_memory_is_closed(c->c));
}

// ---- scripts ----

void client_play(struct client *c, const struct turn *turns, size_t n) {
    for (size_t i = 0; i < n; i++)
        client_talk(c, turns[i].send, turns[i].want);
}

void client_open_selected(struct client *c, struct fixture *f) {
    client_open(c, f, true);
    client_login(c, ALICE);
    client_talk(c, "S SELECT INBOX\r\n",
                "* FLAGS ~\r\n* OK ~\r\n* 0 EXISTS\r\n* 0 RECENT\r\n* OK ~\r\n* OK ~\r\nS OK ~\r\n");
}
