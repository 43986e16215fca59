// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "queue/queue_fixture.h"

static void set_clock(struct stage *s) {
    clock_set_fake((uint64_t)(s->now - 1700000000) * 1000000 + 1000000000, s->now);
}

void stage_new_queue(struct stage *s, size_t max_lanes) {
    struct queue_settings settings = {
        .config = s->config,
        .store = s->store.store,
        .loop = s->store.loop,
        .routes = (struct route_finder *)(void *)&s->peers,
        .https = &s->peers.transports[COURIER_HTTPS],
        .smtp = &s->peers.transports[COURIER_SMTP],
        .max_lanes = max_lanes,
    };
    s->q = queue_new(&settings);
    queue_start(s->q);
}

void stage_drop_queue(struct stage *s) {
    fixture_close(&s->store);
    queue_free(s->q);
    s->q = NULL;
    loop_run_ready(s->store.loop);
    fixture_open(&s->store);
}

static void on_complaint(void *arg, const struct config_complaint *c) {
    print_message("%s\n", c->text);
}

void stage_open(struct stage *s) {
    *s = (struct stage){.now = 1700000000};
    log_set_level(LOG_LEVEL_ERROR);
    set_clock(s);
    fixture_init(&s->store);
    peers_init(&s->peers, s->store.loop);
    struct config *c = config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "test", NULL, on_complaint, NULL);
    assert_non_null(c);
    s->config = config_holder_new(c);
    stage_new_queue(s, 0);
    s->sender = make_account(&s->store, "alice@relay.test", NULL);
}

void stage_close(struct stage *s) {
    if (s->q != NULL)
        stage_drop_queue(s);
    loop_run_ready(s->store.loop);
    peers_done(&s->peers);
    fixture_done(&s->store);
    config_holder_free(s->config);
    clock_use_real();
}

static bool is_reading(const struct queue *q) {
    for (size_t i = 0; i < LETTER_BUCKETS; i++)
        LIST_FOREACH(node, &q->letters.buckets[i])
    if (CONTAINER_OF(node, struct letter, by_id)->read != NULL)
        return true;
    return false;
}

// What waits for another than the clock and the peers: the store alone.
bool stage_is_still(struct stage *s) {
    if (s->q == NULL)
        return true;
    const struct queue *q = s->q;
    if (q->retry != NULL || q->scheduler.scan != NULL || q->giveup.op != NULL || q->giveup.n_settling > 0 ||
        inbox_count(q->inbox) > 0)
        return false;
    if (is_reading(q) || q->tick_at <= clock_mono_ms())
        return false;
    return !lanes_await_store(&q->lanes) && !settle_awaits_store(&q->settle);
}

bool stage_until(struct stage *s, bool (*what)(struct stage *s)) {
    for (int i = 0; i < STEPS_MAX; i++) {
        loop_run_ready(s->store.loop);
        if (what(s))
            return true;
        usleep(500);
    }
    return false;
}

void stage_settle(struct stage *s) {
    // Twice: what was posted from the writer's thread may just be on its way.
    for (int i = 0; i < 2; i++) {
        assert_true(stage_until(s, stage_is_still));
        usleep(500);
        loop_run_ready(s->store.loop);
    }
    assert_true(stage_until(s, stage_is_still));
}

void stage_wait(struct stage *s, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        s->now++;
        set_clock(s);
        if (s->q != NULL)
            queue_tick(s->q);
        stage_settle(s);
    }
}

uint64_t stage_send_as(struct stage *s, uint64_t sender, const char *reverse_path, const char *recipients) {
    static unsigned n;
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "From: alice@relay.test\r\nSubject: [...]\r\nMessage-ID: <%u@relay.test>\r\n\r\nletter %08u\r\n", n,
                   n);
    uint8_t dedup[32] = {0x77};
    memcpy(dedup + 1, &n, sizeof(n));
    n++;
    struct store_deliver *d = store_deliver_new(make_body(&s->store, text, strlen(text)), dedup);
    d->sender_id = sender;
    struct slice list = slice_from_cstr(recipients), one, local, destination;
    while ((one = slice_next_word(&list)).len > 0) {
        assert_true(slice_cut(one, '@', &local, &destination));
        store_deliver_add_remote(d, destination, one);
    }
    store_deliver_set_letter(d, SLICE("DKIM-Signature: x\r\n"), slice_from_cstr(reverse_path), 0);
    assert_int_equal(run_op(&s->store, &d->op), STORE_OK);
    uint64_t id = d->remotes[0].ret_due_id;
    store_op_free(&d->op);
    return id;
}

uint64_t stage_send(struct stage *s, const char *recipients) {
    return stage_send_as(s, s->sender, "alice@relay.test", recipients);
}

const char *stage_queue(struct stage *s) {
    static char text[8192];
    text[0] = '\0';
    struct store_queue_list *l = store_queue_list_new(SLICE_EMPTY, STORE_QUEUE_PAGE_MAX);
    assert_int_equal(run_op(&s->store, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n; i++) {
        const struct store_destination *x = &l->ret_destinations[i];
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s %llu/%llu failed=%u %s;", x->name,
                       (unsigned long long)x->dues, (unsigned long long)x->recipients, x->attempts, x->last_error);
    }
    store_op_free(&l->op);
    return text;
}

size_t stage_inbox(struct stage *s, char *ret_last, size_t size) {
    struct store_mailbox_open *o = store_mailbox_open_new(s->sender, SLICE("INBOX"), true);
    assert_int_equal(run_op(&s->store, &o->op), STORE_OK);
    uint64_t mailbox = o->ret_mailbox_id;
    store_op_free(&o->op);
    struct store_uid_range all = {1, UINT32_MAX};
    struct store_fetch *f = store_fetch_new(mailbox, &all, 1, STORE_FETCH_BODY);
    assert_int_equal(run_op(&s->store, &f->op), STORE_OK);
    size_t n = f->ret_n_messages;
    if (n > 0 && ret_last != NULL) {
        const struct store_message *m = &f->ret_messages[n - 1];
        assert_non_null(m->data);
        (void)snprintf(ret_last, size, "%.*s", (int)m->data_len, m->data);
    }
    store_op_free(&f->op);
    return n;
}
