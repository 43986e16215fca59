// SPDX-License-Identifier: MIT
#include "store/queue_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

struct store_deliver *make_letter(struct fixture *f, uint64_t sender, const char *text, const char *recipients,
                                  uint8_t seed) {
    uint8_t dedup[32] = {seed};
    struct store_deliver *d = store_deliver_new(make_body(f, text, strlen(text)), dedup);
    d->sender_id = sender;
    struct slice list = slice_from_cstr(recipients), one;
    while ((one = slice_next_word(&list)).len > 0) {
        struct slice local, destination;
        assert_true(slice_cut(one, '@', &local, &destination));
        store_deliver_add_remote(d, destination, one);
    }
    store_deliver_set_letter(d, SLICE("DKIM-Signature: x\r\n"), SLICE("a@example.org"), 7);
    return d;
}

uint64_t send_letter(struct fixture *f, uint64_t sender, const char *recipients) {
    static unsigned n;
    char text[32];
    (void)snprintf(text, sizeof(text), "letter %08u", n);
    struct store_deliver *d = make_letter(f, sender, text, recipients, 0);
    memcpy(d->dedup, &n, sizeof(n));
    d->dedup[31] = 0x55;
    n++;
    assert_int_equal(run_op(f, &d->op), STORE_OK);
    assert_int_equal(d->remotes[0].ret_outcome, STORE_QUEUED);
    uint64_t id = d->remotes[0].ret_due_id;
    store_op_free(&d->op);
    return id;
}

static char text[65536];

static void PRINTF_LIKE(1, 2) add(const char *fmt, ...) {
    size_t len = strlen(text);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text + len, sizeof(text) - len, fmt, args);
    va_end(args);
}

const char *load_text(struct fixture *f, const char *destination, int64_t now, size_t max) {
    text[0] = '\0';
    struct store_queue_load *l = store_queue_load_new(slice_from_cstr(destination), now, max);
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n; i++) {
        const struct store_due *d = &l->ret_dues[i];
        assert_string_equal(d->destination, destination);
        for (size_t j = 0; j < d->n_recipients; j++)
            add("%s%s", j > 0 ? "," : "", d->recipients[j]);
        if (d->attempts > 0)
            add(" attempts=%u reply=%s", d->attempts, d->last_reply);
        add(";");
    }
    if (l->ret_more)
        add(" more");
    else if (l->ret_next_at != 0)
        add(" next=%lld", (long long)l->ret_next_at);
    store_op_free(&l->op);
    return text;
}

const char *list_text(struct fixture *f) {
    text[0] = '\0';
    struct store_queue_list *l = store_queue_list_new(SLICE_EMPTY, STORE_QUEUE_PAGE_MAX);
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n; i++) {
        const struct store_destination *x = &l->ret_destinations[i];
        add("%s %llu/%llu/%llu next=%lld", x->name, (unsigned long long)x->dues, (unsigned long long)x->recipients,
            (unsigned long long)x->octets, (long long)x->next_at);
        if (x->attempts > 0)
            add(" failed=%u since=%lld until=%lld %s", x->attempts, (long long)x->failing_since,
                (long long)x->deferred_until, x->last_error);
        add(";");
    }
    store_op_free(&l->op);
    return text;
}

const char *total_text(struct fixture *f) {
    text[0] = '\0';
    struct store_queue_total *t = store_queue_total_new();
    assert_int_equal(run_op(f, &t->op), STORE_OK);
    add("%llu/%llu/%llu/%llu/%llu", (unsigned long long)t->ret_destinations, (unsigned long long)t->ret_letters,
        (unsigned long long)t->ret_dues, (unsigned long long)t->ret_recipients, (unsigned long long)t->ret_octets);
    store_op_free(&t->op);
    return text;
}

enum store_status settle(struct fixture *f, uint64_t due_id, const char *left, int64_t next_at, const char *reply) {
    struct store_queue_settle *s = store_queue_settle_new();
    size_t i = store_queue_settle_add(s, due_id);
    struct slice list = slice_from_cstr(left != NULL ? left : ""), one;
    while ((one = slice_next_word(&list)).len > 0)
        store_queue_settle_keep(s, i, one, next_at, slice_from_cstr(reply));
    return run_and_free(f, &s->op);
}

enum store_status defer(struct fixture *f, const char *destination, int64_t now, int64_t next_at, const char *error) {
    return run_and_free(f,
                        &store_queue_defer_new(slice_from_cstr(destination), now, next_at, slice_from_cstr(error))->op);
}

char *read_letter(struct fixture *f, const struct store_due *d, enum store_status *ret_status) {
    char *octets = mem_zalloc(d->body_size + 1, 1);
    for (uint64_t at = 0; at < d->body_size || at == 0;) {
        struct store_body_read *r = store_body_read_due_new(d, at, 50000);
        *ret_status = run_op(f, &r->op);
        if (*ret_status == STORE_OK)
            memcpy(octets + at, r->ret_data, r->ret_data_len);
        at += r->ret_data_len;
        bool ended = *ret_status != STORE_OK || r->ret_data_len == 0;
        store_op_free(&r->op);
        if (ended)
            break;
    }
    return octets;
}
