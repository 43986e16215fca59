// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/push_support.h"

static const int64_t START_S = 20000 * (int64_t)DAY_S + 100;

int64_t at(int64_t ms) {
    return START_S * 1000 + ms;
}

void set_ms(int64_t ms) {
    int64_t wall_ms = at(ms);
    uint64_t mono_us = clock_mono_us() + 1000 * 1000; // forwards, so that the writer notices nothing
    mono_us = mono_us - mono_us % (1000 * 1000) + (uint64_t)(wall_ms % 1000) * 1000;
    clock_set_fake(mono_us, wall_ms / 1000);
    assert_int_equal(clock_wall_ms(), wall_ms);
}

static void on_push(void *arg) {
    struct world *w = arg;
    atomic_fetch_add(&w->n_calls, 1);
}

void add_token(struct world *w, uint64_t account, const char *token) {
    assert_int_equal(run_and_free(&w->f, &store_token_add_new(account, slice_from_cstr(token))->op), STORE_OK);
}

void reopen(struct world *w) {
    fixture_close(&w->f);
    fixture_open(&w->f);
    store_set_on_push(w->f.store, on_push, w);
    store_set_push_enabled(w->f.store, true);
}

void begin(struct world *w) {
    memset(w, 0, sizeof(*w));
    set_ms(0);
    fixture_init(&w->f);
    reopen(w);
    w->alice = make_account(&w->f, "alice@example.org", NULL);
    w->bob = make_account(&w->f, "bob@example.org", NULL);
    w->carol = make_account(&w->f, "carol@example.org", NULL);
    add_token(w, w->alice, "a1");
    add_token(w, w->alice, "a2");
    add_token(w, w->bob, "b1");
}

void end(struct world *w) {
    clock_use_real();
    fixture_done(&w->f);
}

unsigned calls(struct world *w) {
    return atomic_exchange(&w->n_calls, 0);
}

struct store_push_load *load(struct world *w, int64_t now, size_t max_first, size_t max_retries) {
    struct store_push_load *l = store_push_load_new(at(now), max_first, max_retries);
    assert_int_equal(run_op(&w->f, &l->op), STORE_OK);
    return l;
}

const char *text_of(struct store_push_load *l) {
    static char text[512];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < l->ret_n && len < sizeof(text) - 100; i++) {
        const struct store_push *p = &l->ret_pushes[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s@%lld", i > 0 ? " " : "", p->token,
                                (long long)(p->asked_ms - at(0)));
        if (p->tries > 0)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "/%u", p->tries);
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", l->ret_more_first ? " more" : "",
                            l->ret_more_retries ? " more-retries" : "");
    if (l->ret_next_ms != 0)
        (void)snprintf(text + len, sizeof(text) - len, " next=%lld", (long long)(l->ret_next_ms - at(0)));
    store_op_free(&l->op);
    return text;
}

const char *due(struct world *w, int64_t now) {
    return text_of(load(w, now, 100, 100));
}

uint64_t id_of(struct world *w, const char *token) {
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT id FROM token WHERE token = '%s'", token);
    return (uint64_t)fixture_number(&w->f, sql);
}

enum store_delivery_outcome deliver_to(struct world *w, const char *address) {
    return deliver(&w->f, address, "hello", 5, NULL);
}

struct store_deliver *delivery(struct world *w, const char *own, const char *others, uint8_t seed) {
    uint8_t dedup[32] = {7, seed};
    struct store_deliver *d = store_deliver_new(make_body(&w->f, "hello", 5), dedup);
    if (own != NULL)
        store_deliver_add_own(d, slice_from_cstr(own));
    struct slice list = slice_from_cstr(others);
    for (struct slice one = slice_next_word(&list); one.len > 0; one = slice_next_word(&list))
        store_deliver_add(d, one);
    return d;
}
