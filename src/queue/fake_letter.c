// SPDX-License-Identifier: MIT
#include "queue/fake_letter.h"

#include <stdio.h>

static void on_due(struct loop_timer *timer) {
    struct fake_letter *l = CONTAINER_OF(timer, struct fake_letter, timer);
    void (*on_octets)(void *arg, struct slice octets) = l->on_octets;
    l->on_octets = NULL;
    if (++l->n_reads == l->fails_at) {
        on_octets(l->arg, (struct slice){NULL, 0});
        return;
    }
    size_t max = l->piece > 0 && l->piece < l->max ? l->piece : l->max;
    struct slice octets = slice_sub(l->text, l->at, l->at + max);
    l->at += octets.len;
    on_octets(l->arg, octets);
}

static void read_octets(struct transport_letter *letter, size_t max, void (*on_octets)(void *arg, struct slice octets),
                        void *arg) {
    struct fake_letter *l = CONTAINER_OF(letter, struct fake_letter, letter);
    ASSERT(l->on_octets == NULL && max > 0);
    l->max = max;
    l->on_octets = on_octets;
    l->arg = arg;
    loop_timer_start(&l->timer, 0);
}

static void read_rewind(struct transport_letter *letter) {
    struct fake_letter *l = CONTAINER_OF(letter, struct fake_letter, letter);
    ASSERT(l->on_octets == NULL);
    l->at = 0;
    l->n_rewinds++;
}

static void read_cancel(struct transport_letter *letter) {
    struct fake_letter *l = CONTAINER_OF(letter, struct fake_letter, letter);
    l->on_octets = NULL;
    loop_timer_stop(&l->timer);
}

void fake_letter_init(struct fake_letter *l, struct loop *loop, struct slice text, size_t n_recipients) {
    ASSERT(n_recipients <= FAKE_LETTER_RECIPIENTS_MAX);
    *l = (struct fake_letter){.loop = loop, .text = text};
    l->letter = (struct transport_letter){
        .reverse_path = SLICE("a@a.example"),
        .recipients = l->recipients,
        .replies = l->replies,
        .n_recipients = n_recipients,
        .size = text.len,
        .read = read_octets,
        .read_rewind = read_rewind,
        .read_cancel = read_cancel,
    };
    for (size_t i = 0; i < n_recipients; i++) {
        (void)snprintf(l->addresses[i], sizeof(l->addresses[i]), "r%zu@b.example", i);
        l->recipients[i] = slice_from_cstr(l->addresses[i]);
    }
    loop_timer_init(&l->timer, loop, on_due);
}

void fake_letter_done(struct fake_letter *l) {
    ASSERT(l->on_octets == NULL);
    loop_timer_done(&l->timer);
}
