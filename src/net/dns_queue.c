// SPDX-License-Identifier: MIT
// Requests wait in order until there is room. All have the same time, so both lists are in the order of deadlines. A
// lookup whose asker has gone runs on to its end and counts, so that what libunbound holds is bounded too.
#include "base/clock.h"
#include "base/mem.h"
#include "net/dns_engine.h"
#include "net/dns_internal.h"
#include "net/dns_packet.h"

enum { LOOKUPS_PER_RUNNING = 4 };

// A lookup of the engine.
struct dns_pending {
    struct dns_lookup lookup;
    struct dns_resolver *resolver;
    struct dns_request *request; // NULL: nobody waits for it any more
};

static struct dns_request *first_of(const struct list *l) {
    return list_is_empty(l) ? NULL : CONTAINER_OF(l->next, struct dns_request, link);
}

// ---- the end of a request ----

// Takes it out of where it stands.
static void detach(struct dns_resolver *r, struct dns_request *q) {
    if (q->state == DNS_REQUEST_WAITING) {
        r->n_waiting--;
    } else if (q->state == DNS_REQUEST_RUNNING) {
        r->n_running--;
        q->pending->request = NULL;
        q->pending = NULL;
    }
    list_remove(&q->link);
}

static void finish(struct dns_resolver *r, struct dns_request *q, struct dns_answer *answer) {
    detach(r, q);
    dns_request_answer(q, answer);
}

static void fail(struct dns_resolver *r, struct dns_request *q) {
    finish(r, q, dns_answer_new(DNS_FAILED, slice_from_cstr(q->name)));
}

void dns_queue_fail_all(struct dns_resolver *r) {
    for (struct dns_request *q; (q = first_of(&r->running)) != NULL;)
        fail(r, q);
    for (struct dns_request *q; (q = first_of(&r->waiting)) != NULL;)
        fail(r, q);
}

// ---- deadlines ----

static void watch_deadlines(struct dns_resolver *r) {
    const struct dns_request *first = first_of(&r->running);
    if (first == NULL)
        first = first_of(&r->waiting);
    if (first == NULL) {
        loop_timer_stop(&r->deadline_timer);
        return;
    }
    uint64_t now = clock_mono_ms();
    loop_timer_start(&r->deadline_timer, first->deadline_ms > now ? first->deadline_ms - now : 0);
}

static void expire(struct dns_resolver *r, const struct list *l, uint64_t now) {
    for (struct dns_request *q; (q = first_of(l)) != NULL && q->deadline_ms <= now;)
        fail(r, q);
}

static void on_deadline(struct loop_timer *timer) {
    struct dns_resolver *r = CONTAINER_OF(timer, struct dns_resolver, deadline_timer);
    uint64_t now = clock_mono_ms();
    expire(r, &r->running, now);
    expire(r, &r->waiting, now);
    dns_queue_pump(r);
}

// ---- lookups ----

// Not within libunbound's callback: it may not be called from there.
static void on_pump(struct loop_task *task) {
    struct dns_resolver *r = CONTAINER_OF(task, struct dns_resolver, pump_task);
    r->is_pumping = false;
    dns_queue_pump(r);
}

static void pump_later(struct dns_resolver *r) {
    if (r->is_pumping || r->is_stopped)
        return;
    r->is_pumping = true;
    r->pump_task.run = on_pump;
    loop_defer(r->settings.loop, &r->pump_task);
}

static struct dns_answer *answer_of(const struct dns_request *q, const struct dns_finding *f) {
    struct slice name = slice_from_cstr(q->name);
    if (f->kind != DNS_FINDING_ANSWER)
        return dns_answer_new(f->kind == DNS_FINDING_BOGUS ? DNS_BOGUS : DNS_FAILED, name);
    struct dns_answer *a = dns_packet_read(f->packet, name, q->type);
    a->secure = f->secure && a->status != DNS_FAILED;
    return a;
}

static void on_found(struct dns_lookup *lookup, const struct dns_finding *f) {
    struct dns_pending *p = CONTAINER_OF(lookup, struct dns_pending, lookup);
    struct dns_resolver *r = p->resolver;
    r->n_lookups--;
    if (f->kind != DNS_FINDING_DROPPED)
        dns_house_note(r->house, f);
    if (p->request != NULL)
        finish(r, p->request, answer_of(p->request, f));
    free(p);
    pump_later(r);
}

static bool begin(struct dns_resolver *r, struct dns_engine *e, struct dns_request *q) {
    struct dns_pending *p = MEM_NEW(struct dns_pending);
    p->lookup.done = on_found;
    p->resolver = r;
    p->request = q;
    detach(r, q);
    q->pending = p;
    q->state = DNS_REQUEST_RUNNING;
    list_append(&r->running, &q->link);
    r->n_running++;
    r->n_lookups++;
    if (dns_engine_ask(e, q->name, q->type, &p->lookup)) // may have finished it already
        return true;
    r->n_lookups--;
    detach(r, q);
    free(p);
    return false;
}

// The request that could not begin goes back to the front.
static void put_back(struct dns_resolver *r, struct dns_request *q) {
    q->state = DNS_REQUEST_WAITING;
    list_append(r->waiting.next, &q->link);
    r->n_waiting++;
}

void dns_queue_rewind(struct dns_resolver *r) {
    while (!list_is_empty(&r->running)) {
        struct dns_request *last = CONTAINER_OF(r->running.prev, struct dns_request, link);
        detach(r, last);
        put_back(r, last);
    }
}

void dns_queue_pump(struct dns_resolver *r) {
    while (!r->is_stopped && !list_is_empty(&r->waiting)) {
        struct dns_engine *e = dns_house_engine(r->house); // may rewind
        struct dns_request *q = first_of(&r->waiting);
        size_t room = r->settings.running_max;
        if (e != NULL && (r->n_running >= room || r->n_lookups >= room * LOOKUPS_PER_RUNNING))
            break;
        if (e == NULL) {
            fail(r, q);
        } else if (!begin(r, e, q)) {
            put_back(r, q);
            if (!dns_house_on_dead_engine(r->house))
                fail(r, first_of(&r->waiting));
        }
    }
    if (r->is_stopped)
        return;
    if (r->n_lookups == 0)
        dns_house_on_idle(r->house);
    watch_deadlines(r);
}

// ---- requests ----

void dns_queue_take(struct dns_resolver *r, struct dns_request *q) {
    if (r->is_stopped || r->n_waiting >= r->settings.waiting_max) {
        fail(r, q);
        return;
    }
    if (r->deadline_timer.loop == NULL)
        loop_timer_init(&r->deadline_timer, r->settings.loop, on_deadline);
    q->deadline_ms = clock_mono_ms() + r->settings.timeout_ms;
    q->state = DNS_REQUEST_WAITING;
    list_append(&r->waiting, &q->link);
    r->n_waiting++;
    dns_queue_pump(r);
}

void dns_queue_cancel(struct dns_resolver *r, struct dns_request *q) {
    fail(r, q);
    if (!r->is_stopped)
        dns_queue_pump(r);
}
