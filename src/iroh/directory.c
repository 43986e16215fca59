// SPDX-License-Identifier: MIT
#include "iroh/directory.h"

#include "base/mem.h"
#include "base/table.h"

enum { KEYS_MAX = 1024 * 1024 }; // the table grows with use only

// All connections of a key. It is in the table, pinned, as long as there is one.
struct seat {
    struct iroh_client *active;
    struct iroh_client *inactive[IROH_INACTIVE_MAX]; // the newest last
    size_t n_inactive;
};

struct iroh_directory {
    struct table *seats;
};

struct iroh_directory *iroh_directory_new(void) {
    struct iroh_directory *d = MEM_NEW(struct iroh_directory);
    d->seats = table_new(sizeof(struct seat), KEYS_MAX);
    return d;
}

void iroh_directory_free(struct iroh_directory *d) {
    if (d == NULL)
        return;
    ASSERT(table_count(d->seats) == 0);
    table_free(d->seats);
    free(d);
}

// The directory has nothing to do with it any more.
static void let_go(struct iroh_client *c, enum iroh_standing standing) {
    iroh_client_set_standing(c, standing);
    iroh_client_unref(c);
}

static void remove_inactive(struct seat *s, size_t i) {
    s->n_inactive--;
    for (; i < s->n_inactive; i++)
        s->inactive[i] = s->inactive[i + 1];
}

// The active one makes room for a newer one.
static void step_back(struct seat *s) {
    if (!iroh_is_b(s->active->dialect)) {
        let_go(s->active, IROH_REPLACED);
        return;
    }
    if (s->n_inactive == IROH_INACTIVE_MAX) {
        let_go(s->inactive[0], IROH_REPLACED);
        remove_inactive(s, 0);
    }
    s->inactive[s->n_inactive++] = s->active;
    iroh_client_set_standing(s->active, IROH_INACTIVE);
}

bool iroh_directory_enter(struct iroh_directory *d, struct iroh_client *c) {
    bool is_new;
    struct seat *s = table_lock(d->seats, c->hash, true, &is_new);
    if (s == NULL)
        return false;
    if (is_new)
        table_pin(d->seats, c->hash, true);
    else
        step_back(s);
    s->active = iroh_client_ref(c);
    table_unlock(d->seats, c->hash);
    return true;
}

static void leave_active(struct table *seats, struct seat *s) {
    struct iroh_client *c = s->active;
    if (s->n_inactive > 0) {
        s->active = s->inactive[s->n_inactive - 1];
        s->n_inactive--;
        iroh_client_set_standing(s->active, IROH_ACTIVE);
    } else {
        table_remove(seats, c->hash);
    }
    let_go(c, IROH_GONE);
}

static void leave_seat(struct table *seats, struct seat *s, struct iroh_client *c) {
    if (s->active == c) {
        leave_active(seats, s);
        return;
    }
    for (size_t i = 0; i < s->n_inactive; i++) {
        if (s->inactive[i] != c)
            continue;
        remove_inactive(s, i);
        let_go(c, IROH_GONE);
        return;
    }
}

void iroh_directory_leave(struct iroh_directory *d, struct iroh_client *c) {
    struct hash128 hash = c->hash; // the reference that goes may be the last one
    struct seat *s = table_lock(d->seats, hash, false, NULL);
    if (s == NULL)
        return; // it was replaced, and the newer one has gone, too
    leave_seat(d->seats, s, c);
    table_unlock(d->seats, hash);
}

struct iroh_client *iroh_directory_find(struct iroh_directory *d, enum iroh_dialect family,
                                        const uint8_t key[IROH_KEY_LEN]) {
    struct hash128 hash = iroh_key_hash(family, key);
    struct seat *s = table_lock(d->seats, hash, false, NULL);
    if (s == NULL)
        return NULL;
    struct iroh_client *c = iroh_client_ref(s->active);
    table_unlock(d->seats, hash);
    return c;
}

size_t iroh_directory_count(struct iroh_directory *d) {
    return table_count(d->seats);
}
