// SPDX-License-Identifier: MIT
// Short arrays that are searched from the front: an ordinary call has one to four of each.
#include "turn/peers.h"

#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 4 };

void turn_peers_done(struct turn_peers *p) {
    free(p->permissions);
    free(p->channels);
    *p = (struct turn_peers){0};
}

static bool same_ip(const struct net_address *a, const struct net_address *b) {
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static struct turn_permission *find_permission(const struct turn_peers *p, const struct net_address *peer) {
    for (size_t i = 0; i < p->n_permissions; i++)
        if (same_ip(&p->permissions[i].peer, peer))
            return &p->permissions[i];
    return NULL;
}

static struct turn_channel *find_channel(const struct turn_peers *p, uint16_t number) {
    for (size_t i = 0; i < p->n_channels; i++)
        if (p->channels[i].number == number)
            return &p->channels[i];
    return NULL;
}

static struct turn_channel *find_channel_to(const struct turn_peers *p, const struct net_address *peer) {
    for (size_t i = 0; i < p->n_channels; i++)
        if (p->channels[i].peer.port == peer->port && same_ip(&p->channels[i].peer, peer))
            return &p->channels[i];
    return NULL;
}

const struct turn_permission *turn_peers_permission(const struct turn_peers *p, const struct net_address *peer,
                                                    uint64_t now_ms) {
    const struct turn_permission *v = find_permission(p, peer);
    return v != NULL && v->expires_ms > now_ms ? v : NULL;
}

const struct turn_channel *turn_peers_channel(const struct turn_peers *p, uint16_t number, uint64_t now_ms) {
    const struct turn_channel *v = find_channel(p, number);
    return v != NULL && v->expires_ms > now_ms ? v : NULL;
}

const struct turn_channel *turn_peers_channel_to(const struct turn_peers *p, const struct net_address *peer,
                                                 uint64_t now_ms) {
    const struct turn_channel *v = find_channel_to(p, peer);
    return v != NULL && v->expires_ms > now_ms ? v : NULL;
}

// ---- changes ----

static void forget_expired(struct turn_peers *p, uint64_t now_ms) {
    uint8_t n = 0;
    for (size_t i = 0; i < p->n_permissions; i++)
        if (p->permissions[i].expires_ms > now_ms)
            p->permissions[n++] = p->permissions[i];
    p->n_permissions = n;
    n = 0;
    for (size_t i = 0; i < p->n_channels; i++)
        if (p->channels[i].expires_ms > now_ms)
            p->channels[n++] = p->channels[i];
    p->n_channels = n;
}

static void set_permission(struct turn_peers *p, const struct turn_wanted *wanted, uint64_t now_ms) {
    struct turn_permission *v = find_permission(p, &wanted->peer);
    if (v == NULL) {
        if (p->n_permissions == p->permissions_cap) {
            p->permissions_cap = p->permissions_cap == 0 ? FIRST_CAP : (uint8_t)(2 * p->permissions_cap);
            p->permissions = mem_realloc(p->permissions, p->permissions_cap * sizeof(*p->permissions));
        }
        v = &p->permissions[p->n_permissions++];
    }
    *v =
        (struct turn_permission){.peer = wanted->peer, .ours = wanted->ours, .expires_ms = now_ms + TURN_PERMISSION_MS};
    v->peer.port = 0;
}

static size_t count_new(const struct turn_peers *p, const struct turn_wanted *wanted, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_new = find_permission(p, &wanted[i].peer) == NULL;
        for (size_t k = 0; k < i && is_new; k++)
            is_new = !same_ip(&wanted[k].peer, &wanted[i].peer);
        count += is_new;
    }
    return count;
}

bool turn_peers_permit(struct turn_peers *p, const struct turn_wanted *wanted, size_t n, uint64_t now_ms) {
    forget_expired(p, now_ms);
    if (p->n_permissions + count_new(p, wanted, n) > TURN_PERMISSIONS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        set_permission(p, &wanted[i], now_ms);
    return true;
}

enum turn_bound turn_peers_bind(struct turn_peers *p, uint16_t number, const struct turn_wanted *wanted,
                                uint64_t now_ms) {
    forget_expired(p, now_ms);
    struct turn_channel *v = find_channel(p, number);
    if (v != find_channel_to(p, &wanted->peer))
        return TURN_BOUND_OTHERWISE;
    if ((v == NULL && p->n_channels == TURN_CHANNELS_MAX) || !turn_peers_permit(p, wanted, 1, now_ms))
        return TURN_BOUND_TOO_MANY;
    if (v == NULL) {
        if (p->n_channels == p->channels_cap) {
            p->channels_cap = p->channels_cap == 0 ? FIRST_CAP : (uint8_t)(2 * p->channels_cap);
            p->channels = mem_realloc(p->channels, p->channels_cap * sizeof(*p->channels));
        }
        v = &p->channels[p->n_channels++];
    }
    *v = (struct turn_channel){
        .peer = wanted->peer, .ours = wanted->ours, .number = number, .expires_ms = now_ms + TURN_CHANNEL_MS};
    return TURN_BOUND;
}
