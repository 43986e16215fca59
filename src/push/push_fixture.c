// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "push/push_fixture.h"

enum { STEPS_MAX = 200 * 1000 }; // of 0.3 ms or more: a minute, after which a test hangs

static const uint64_t BEGIN_MS = (uint64_t)1800000000 * 1000;

static void set_clock(const struct stage *s) {
    clock_set_fake((s->now_ms - BEGIN_MS) * 1000 + 1000000000, (int64_t)(s->now_ms / 1000));
}

static void on_complaint(void *arg, const struct config_complaint *c) {
    print_message("%s\n", c->text);
}

static struct config *configuration(const char *gateway) {
    char text[512];
    (void)snprintf(text, sizeof(text), "[params]\nmail_domain = relay.test\n%s%s\n",
                   gateway != NULL ? "push_gateway = " : "", gateway != NULL ? gateway : "");
    struct config *c = config_parse(slice_from_cstr(text), "test", NULL, on_complaint, NULL);
    assert_non_null(c);
    return c;
}

static void begin(struct stage *s) {
    s->push = push_new(&(struct push_settings){
        .config = s->config, .store = s->store.store, .loop = s->store.loop, .dns = &s->dns, .has_place_in_dns = true});
    push_start(s->push);
}

void stage_open(struct stage *s, const char *gateway) {
    *s = (struct stage){.now_ms = BEGIN_MS};
    log_set_level(LOG_LEVEL_ERROR);
    set_clock(s);
    fake_gateway_reset();
    fixture_init(&s->store);
    fake_dns_init(&s->dns, "push.test A 192.0.2.1\npush.test AAAA 2001:db8::1\n");
    s->config = config_holder_new(configuration(gateway));
    begin(s);
}

static void end(struct stage *s) {
    fixture_close(&s->store);
    push_free(s->push);
    s->push = NULL;
    loop_run_ready(s->store.loop);
}

void stage_close(struct stage *s) {
    for (size_t i = 0; i < fake_gateway.n_calls; i++)
        print_message("still under way: %s\n", fake_gateway.calls[i]->token);
    end(s);
    fixture_open(&s->store);
    fixture_done(&s->store);
    fake_dns_done(&s->dns);
    config_holder_free(s->config);
    fake_gateway_reset();
    clock_use_real();
}

void stage_crash(struct stage *s) {
    end(s);
    fixture_open(&s->store);
    begin(s);
    stage_settle(s);
}

void stage_reload(struct stage *s, const char *gateway) {
    config_holder_replace(s->config, configuration(gateway));
    push_reload(s->push);
}

void stage_configure(struct stage *s, const char *gateway) {
    stage_reload(s, gateway);
    stage_settle(s);
}

void stage_use_zone(struct stage *s, const char *zone) {
    fake_dns_done(&s->dns);
    fake_dns_init(&s->dns, zone);
}

void stage_add_token(struct stage *s, uint64_t account, const char *token) {
    assert_int_equal(run_and_free(&s->store, &store_token_add_new(account, slice_from_cstr(token))->op), STORE_OK);
}

uint64_t stage_account(struct stage *s, const char *name) {
    char address[128];
    (void)snprintf(address, sizeof(address), "%s@relay.test", name);
    uint64_t account = make_account(&s->store, address, NULL);
    stage_add_token(s, account, name);
    return account;
}

void stage_deliver(struct stage *s, const char *name) {
    char address[128];
    static const char text[] = "From: x@y.test\r\n\r\nhello\r\n";
    (void)snprintf(address, sizeof(address), "%s@relay.test", name);
    assert_int_equal(deliver(&s->store, address, text, sizeof(text) - 1, NULL), STORE_DELIVERED);
    stage_settle(s);
}

static bool is_still(const struct stage *s) {
    const struct push *p = s->push;
    if (p->stopping && p->on_stopped == NULL)
        return true;
    return p->load == NULL && p->settle == NULL && p->tick_at > clock_mono_ms();
}

void stage_settle(struct stage *s) {
    // Several times: what was posted from the writer's thread may just be on its way.
    for (int still = 0, i = 0; still < 3; i++) {
        assert_true(i < STEPS_MAX);
        loop_run_ready(s->store.loop);
        still = is_still(s) ? still + 1 : 0;
        usleep(300);
    }
}

// In steps, as time passes: what is due on the way happens when it is.
void stage_wait(struct stage *s, uint64_t ms) {
    for (uint64_t end = s->now_ms + ms; s->now_ms < end;) {
        uint64_t mono = clock_mono_ms(), left = end - s->now_ms;
        uint64_t step = s->push->tick_at > mono ? s->push->tick_at - mono : 1;
        s->now_ms += step < left ? step : left;
        set_clock(s);
        if (s->push->tick_at <= clock_mono_ms())
            push_tick(s->push);
        stage_settle(s);
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *stage_under_way(void) {
    static char text[4096];
    const char *tokens[FAKE_GATEWAY_CALLS_MAX];
    for (size_t i = 0; i < fake_gateway.n_calls; i++)
        tokens[i] = fake_gateway.calls[i]->token;
    qsort(tokens, fake_gateway.n_calls, sizeof(tokens[0]), by_text);
    text[0] = '\0';
    for (size_t i = 0, len = 0; i < fake_gateway.n_calls; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", tokens[i]);
    return text;
}

void stage_answer_all(struct stage *s, unsigned status) {
    for (size_t i = 0; i < fake_gateway.n_calls; i++)
        fake_gateway_answer(fake_gateway.calls[i], status);
    stage_settle(s);
}

void stage_fail_all(struct stage *s, enum http_outcome outcome) {
    for (size_t i = 0; i < fake_gateway.n_calls; i++)
        fake_gateway_fail(fake_gateway.calls[i], outcome);
    stage_settle(s);
}

void stage_answer(struct stage *s, const char *token, unsigned status) {
    struct http_call *call = fake_gateway_find(token);
    assert_non_null(call);
    fake_gateway_answer(call, status);
    stage_settle(s);
}

void stage_fail(struct stage *s, const char *token, enum http_outcome outcome) {
    struct http_call *call = fake_gateway_find(token);
    assert_non_null(call);
    fake_gateway_fail(call, outcome);
    stage_settle(s);
}

const char *stage_pending(struct stage *s) {
    static char text[4096];
    size_t len = 0;
    text[0] = '\0';
    int64_t now = clock_wall_ms();
    struct store_push_load *l = store_push_load_new(INT64_MAX, 100, 100);
    assert_int_equal(run_op(&s->store, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n; i++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql), "SELECT next_ms FROM push WHERE token_id = %llu",
                       (unsigned long long)l->ret_pushes[i].token_id);
        int64_t next = fixture_number(&s->store, sql);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %u %lld; ", l->ret_pushes[i].token,
                                l->ret_pushes[i].tries, (long long)(next > now ? next - now : 0));
    }
    store_op_free(&l->op);
    return text;
}

void stage_sql(struct stage *s, const char *sql) {
    char path[96];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/martlet.db", s->store.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void stage_expect_one(struct stage *s, const char *token, unsigned want_tries, long long min_ms, long long max_ms) {
    struct slice rest = slice_from_cstr(stage_pending(s));
    uint32_t tries = 0, ms = 0;
    struct slice name = slice_next_word(&rest), tries_text = slice_next_word(&rest), ms_text;
    assert_true(slice_cut(slice_next_word(&rest), ';', &ms_text, &name) && slice_to_u32(ms_text, &ms));
    assert_true(slice_to_u32(tries_text, &tries));
    assert_true(slice_starts_with(slice_from_cstr(stage_pending(s)), slice_from_cstr(token)));
    assert_int_equal(tries, want_tries);
    assert_in_range(ms, min_ms, max_ms);
}

void stage_make_accounts(struct stage *s, const char *prefix, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s%03zu", prefix, i);
        (void)stage_account(s, name);
    }
}

void stage_deliver_to(struct stage *s, const char *prefix, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s%03zu", prefix, i);
        stage_deliver(s, name);
    }
}

void stage_prove(struct stage *s) {
    (void)stage_account(s, "proof");
    stage_deliver(s, "proof");
    stage_answer(s, "proof", 200);
    assert_string_equal(stage_under_way(), "");
}
