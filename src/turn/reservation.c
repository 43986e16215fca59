// SPDX-License-Identifier: MIT
#include "turn/reservation.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

struct turn_reservations {
    struct turn_quota *quota;
    struct turn_homes *homes;
    pthread_mutex_t lock;
    struct list list; // oldest first, and so the next to expire
    size_t n;
};

struct turn_reservations *turn_reservations_new(struct turn_quota *quota, struct turn_homes *homes) {
    struct turn_reservations *r = MEM_NEW(struct turn_reservations);
    r->quota = quota;
    r->homes = homes;
    ASSERT(pthread_mutex_init(&r->lock, NULL) == 0);
    list_init(&r->list);
    return r;
}

static void drop(struct turn_reservations *r, struct turn_reservation *v) {
    list_remove(&v->link);
    r->n--;
    free(v);
}

static void let_go(struct turn_reservations *r, struct turn_reservation *v) {
    turn_relayed_port_close(r->homes, &v->port);
    turn_quota_leave(r->quota, &v->ticket);
    drop(r, v);
}

void turn_reservations_free(struct turn_reservations *r) {
    if (r == NULL)
        return;
    LIST_FOREACH(node, &r->list)
    let_go(r, CONTAINER_OF(node, struct turn_reservation, link));
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

void turn_reservations_add(struct turn_reservations *r, struct slice username, const struct turn_relayed_port *port,
                           const struct turn_quota_ticket *ticket, uint64_t now_ms, uint8_t ret_token[TURN_TOKEN_LEN]) {
    ASSERT(username.len <= TURN_USERNAME_MAX);
    struct turn_reservation *v = MEM_NEW(struct turn_reservation);
    random_bytes(v->token, sizeof(v->token));
    memcpy(ret_token, v->token, sizeof(v->token));
    memcpy(v->username, username.ptr, username.len);
    v->username_len = username.len;
    v->port = *port;
    v->ticket = *ticket;
    v->expires_ms = now_ms + TURN_RESERVATION_MS;
    ASSERT(pthread_mutex_lock(&r->lock) == 0);
    list_append(&r->list, &v->link);
    r->n++;
    ASSERT(pthread_mutex_unlock(&r->lock) == 0);
}

static struct turn_reservation *find(struct turn_reservations *r, struct slice username, struct slice token) {
    LIST_FOREACH(node, &r->list) {
        struct turn_reservation *v = CONTAINER_OF(node, struct turn_reservation, link);
        if (slice_eq(token, slice_make((const char *)v->token, sizeof(v->token))) &&
            slice_eq(username, slice_make(v->username, v->username_len)))
            return v;
    }
    return NULL;
}

bool turn_reservations_take(struct turn_reservations *r, struct slice username, struct slice token, uint64_t now_ms,
                            struct turn_relayed_port *ret_port, struct turn_quota_ticket *ret_ticket) {
    ASSERT(pthread_mutex_lock(&r->lock) == 0);
    struct turn_reservation *v = find(r, username, token);
    bool ok = v != NULL && v->expires_ms > now_ms;
    if (ok) {
        *ret_port = v->port;
        *ret_ticket = v->ticket;
        drop(r, v);
    }
    ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    return ok;
}

size_t turn_reservations_expire(struct turn_reservations *r, uint64_t now_ms) {
    ASSERT(pthread_mutex_lock(&r->lock) == 0);
    LIST_FOREACH(node, &r->list) {
        struct turn_reservation *v = CONTAINER_OF(node, struct turn_reservation, link);
        if (v->expires_ms > now_ms)
            break;
        let_go(r, v);
    }
    size_t n = r->n;
    ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    return n;
}
