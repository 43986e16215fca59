// SPDX-License-Identifier: MIT
// Ports change under the lock and are looked up without it. An address gets another one's place only while no port
// refers to it, so whoever has read an address knows that it was this port's when the port has not changed meanwhile.
#include "turn/homes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

enum { CLAIMED = 0x80 }; // taken, and not relayed yet
_Static_assert((int)TURN_HOMES_MAX < (int)CLAIMED, "an entry holds any home");

struct home {
    _Atomic uint64_t ip[2];
    size_t n_ports; // under the lock
};

struct turn_homes {
    pthread_mutex_t lock;
    struct home homes[TURN_HOMES_MAX];
    size_t n; // under the lock
    // For each family and port: 0 when it is free, else 1 + index of the home, perhaps CLAIMED. Only what is used is
    // ever touched.
    _Atomic uint8_t entries[2][UINT16_MAX + 1];
};

struct turn_homes *turn_homes_new(void) {
    struct turn_homes *h = mem_map(sizeof(*h));
    ASSERT(pthread_mutex_init(&h->lock, NULL) == 0);
    return h;
}

void turn_homes_free(struct turn_homes *h) {
    if (h == NULL)
        return;
    (void)pthread_mutex_destroy(&h->lock);
    mem_unmap(h, sizeof(*h));
}

// ---- under the lock ----

static bool is_at(const struct home *home, const struct net_address *a) {
    uint64_t ip[2] = {atomic_load(&home->ip[0]), atomic_load(&home->ip[1])};
    return memcmp(ip, a->ip, sizeof(ip)) == 0;
}

static struct home *find_home(struct turn_homes *h, const struct net_address *a) {
    for (size_t i = 0; i < h->n; i++)
        if (is_at(&h->homes[i], a))
            return &h->homes[i];
    return NULL;
}

// A new place, or that of a home that has no port any more: addresses come and go where a provider or the privacy
// extensions of IPv6 (RFC 8981) change them every day.
static struct home *add_home(struct turn_homes *h, const struct net_address *a) {
    struct home *home = NULL;
    if (h->n < TURN_HOMES_MAX)
        home = &h->homes[h->n++];
    for (size_t i = 0; i < h->n && home == NULL; i++)
        if (h->homes[i].n_ports == 0)
            home = &h->homes[i];
    if (home == NULL)
        return NULL;
    uint64_t ip[2];
    memcpy(ip, a->ip, sizeof(ip));
    atomic_store(&home->ip[0], ip[0]);
    atomic_store(&home->ip[1], ip[1]);
    return home;
}

static _Atomic uint8_t *entry_of(struct turn_homes *h, const struct net_address *a) {
    return &h->entries[net_address_is_ipv4(a) ? 0 : 1][a->port];
}

static bool claim(struct turn_homes *h, const struct net_address *a, _Atomic uint8_t *entry) {
    if (atomic_load(entry) != 0)
        return false;
    struct home *home = find_home(h, a);
    if (home == NULL)
        home = add_home(h, a);
    if (home == NULL)
        return false;
    home->n_ports++;
    atomic_store(entry, (uint8_t)(CLAIMED | (home - h->homes + 1)));
    return true;
}

bool turn_homes_claim(struct turn_homes *h, const struct net_address *a) {
    _Atomic uint8_t *entry = entry_of(h, a);
    if (atomic_load(entry) != 0)
        return false; // whoever looks for a free port sees many of these
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    bool ok = claim(h, a, entry);
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
    return ok;
}

void turn_homes_open(struct turn_homes *h, const struct net_address *a) {
    ASSERT(atomic_fetch_and(entry_of(h, a), (uint8_t)~CLAIMED) & CLAIMED);
}

void turn_homes_release(struct turn_homes *h, const struct net_address *a) {
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    unsigned place = atomic_exchange(entry_of(h, a), 0) & ~(unsigned)CLAIMED;
    ASSERT(place != 0 && h->homes[place - 1].n_ports > 0);
    h->homes[place - 1].n_ports--;
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
}

bool turn_homes_has(struct turn_homes *h, const struct net_address *a) {
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    bool has = find_home(h, a) != NULL;
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
    return has;
}

// ---- without it ----

bool turn_homes_find(const struct turn_homes *h, bool ipv4, uint16_t port, struct net_address *ret) {
    const _Atomic uint8_t *entry = &h->entries[ipv4 ? 0 : 1][port];
    uint8_t place = atomic_load(entry);
    if (place == 0 || (place & CLAIMED))
        return false;
    const struct home *home = &h->homes[place - 1];
    uint64_t ip[2] = {atomic_load(&home->ip[0]), atomic_load(&home->ip[1])};
    if (atomic_load(entry) != place)
        return false;
    *ret = (struct net_address){.port = port};
    memcpy(ret->ip, ip, sizeof(ret->ip));
    return true;
}

bool turn_homes_is_relayed(const struct turn_homes *h, const struct net_address *a) {
    struct net_address home;
    return turn_homes_find(h, net_address_is_ipv4(a), a->port, &home) && memcmp(home.ip, a->ip, sizeof(home.ip)) == 0;
}
