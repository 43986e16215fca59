// SPDX-License-Identifier: MIT
#include "net/dns_alive.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

enum { SWITCHES_OF_SILENCE = 2, LABEL_LEN = 12, TYPE_A = 1 };

struct dns_alive_check {
    struct dns_lookup lookup;
    struct dns_alive *alive; // NULL: nobody wants to know any more
};

static void forget_check(struct dns_alive *a) {
    if (a->check != NULL)
        a->check->alive = NULL;
    a->check = NULL;
}

static void on_checked(struct dns_lookup *lookup, const struct dns_finding *f) {
    struct dns_alive_check *check = CONTAINER_OF(lookup, struct dns_alive_check, lookup);
    struct dns_alive *a = check->alive;
    free(check);
    if (a == NULL)
        return;
    a->check = NULL;
    dns_alive_note(a, f);
}

// No top-level domain has such a name, and none is remembered.
static void start_check(struct dns_alive *a) {
    char name[LABEL_LEN + 1];
    random_string(name, LABEL_LEN, "abcdefghijklmnopqrstuvwxyz");
    name[LABEL_LEN] = '\0';
    struct dns_engine *e = a->engine(a->arg);
    if (e == NULL)
        return;
    struct dns_alive_check *check = MEM_NEW(struct dns_alive_check);
    check->lookup.done = on_checked;
    check->alive = a;
    a->check = check;
    if (!dns_engine_ask(e, name, TYPE_A, &check->lookup)) {
        a->check = NULL;
        free(check);
    }
}

static void switch_transport(struct dns_alive *a) {
    forget_check(a);
    a->by_tcp = !a->by_tcp;
    a->heard_ms = clock_mono_ms();
    if (++a->n_switches == SWITCHES_OF_SILENCE)
        a->on_silence(a->arg);
    a->on_switch(a->arg);
}

static void on_quiet(struct loop_timer *timer) {
    struct dns_alive *a = CONTAINER_OF(timer, struct dns_alive, timer);
    a->is_watching = false;
    if (!a->is_wanted(a->arg)) {
        forget_check(a);
        return;
    }
    uint64_t quiet = clock_mono_ms() - a->heard_ms;
    if (quiet >= 2 * DNS_ALIVE_QUIET_MS)
        switch_transport(a);
    else if (quiet >= DNS_ALIVE_QUIET_MS && a->check == NULL)
        start_check(a);
    quiet = clock_mono_ms() - a->heard_ms;
    a->is_watching = true;
    loop_timer_start(&a->timer, DNS_ALIVE_QUIET_MS - quiet % DNS_ALIVE_QUIET_MS);
}

void dns_alive_watch(struct dns_alive *a) {
    if (a->is_watching)
        return;
    if (a->timer.loop == NULL)
        loop_timer_init(&a->timer, a->loop, on_quiet);
    a->is_watching = true;
    a->heard_ms = clock_mono_ms();
    loop_timer_start(&a->timer, DNS_ALIVE_QUIET_MS);
}

void dns_alive_note(struct dns_alive *a, const struct dns_finding *f) {
    if (f->kind != DNS_FINDING_ANSWER && f->kind != DNS_FINDING_BOGUS)
        return;
    a->heard_ms = clock_mono_ms();
    a->n_switches = 0;
    a->on_life(a->arg);
}

void dns_alive_done(struct dns_alive *a) {
    forget_check(a);
    loop_timer_done(&a->timer);
}
