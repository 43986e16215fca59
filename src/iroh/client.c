// SPDX-License-Identifier: MIT
#include "iroh/client.h"

#include "base/mem.h"
#include "iroh/relay.h"
#include "iroh/session.h"

struct hash128 iroh_key_hash(enum iroh_dialect d, const uint8_t key[IROH_KEY_LEN]) {
    uint8_t name[1 + IROH_KEY_LEN];
    name[0] = iroh_is_b(d);
    memcpy(name + 1, key, IROH_KEY_LEN);
    return hash_keyed(name, sizeof(name));
}

static void tell(struct loop_task *task);

struct iroh_client *iroh_client_new(struct iroh_share *home, struct iroh_session *session, enum iroh_dialect d,
                                    const uint8_t key[IROH_KEY_LEN]) {
    struct iroh_client *c = MEM_NEW(struct iroh_client);
    c->home = home;
    c->session = session;
    c->dialect = d;
    memcpy(c->key, key, IROH_KEY_LEN);
    c->hash = iroh_key_hash(d, key);
    c->tell.run = tell;
    atomic_init(&c->refs, 1);
    return c;
}

struct iroh_client *iroh_client_ref(struct iroh_client *c) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void iroh_client_unref(struct iroh_client *c) {
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        free(c);
}

static void tell(struct loop_task *task) {
    struct iroh_client *c = CONTAINER_OF(task, struct iroh_client, tell);
    atomic_store(&c->is_told, false); // before the look: who changes it after that posts again
    if (c->session != NULL)
        iroh_session_on_standing(c->session, atomic_load(&c->standing));
    iroh_client_unref(c);
}

void iroh_client_set_standing(struct iroh_client *c, enum iroh_standing standing) {
    atomic_store(&c->standing, standing);
    if (standing == IROH_GONE || atomic_exchange(&c->is_told, true))
        return;
    (void)iroh_client_ref(c);
    loop_post(c->home->loop, &c->tell);
}

bool iroh_client_begin_crossing(struct iroh_client *c, size_t len) {
    // Others may do the same at the same time, or packets arrive: then it is a few more, and home looks again. What
    // waits is read first, or a batch that arrives in between would count twice.
    unsigned count = atomic_load_explicit(&c->waiting, memory_order_acquire);
    size_t octets = atomic_load_explicit(&c->waiting_octets, memory_order_acquire);
    count += atomic_load_explicit(&c->crossing, memory_order_relaxed);
    octets += atomic_load_explicit(&c->crossing_octets, memory_order_relaxed);
    if (count >= IROH_WAITING_MAX || octets + len > IROH_WAITING_OCTETS_MAX)
        return false;
    atomic_fetch_add_explicit(&c->crossing, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->crossing_octets, len, memory_order_relaxed);
    return true;
}

void iroh_client_end_crossing(struct iroh_client *c, size_t len) {
    atomic_fetch_sub_explicit(&c->crossing, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&c->crossing_octets, len, memory_order_relaxed);
}
