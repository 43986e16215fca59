// SPDX-License-Identifier: MIT
// Clients of this relay know each other by relayed addresses, behind a NAT by the external one with a relayed port.
// Such datagrams never leave the machine: the destination becomes the home where that port is relayed, and the receiver
// is told the sender's address as the sender's client was told it.
#include "turn/relay.h"

#include <string.h>

#include "base/clock.h"
#include "turn/allocation.h"
#include "turn/count.h"
#include "turn/homes.h"

// What a datagram weighs in a token bucket beside its payload: without this, empty ones would be free.
enum { OVERHEAD = 28 };

_Static_assert((int)UDP_HEADROOM >= (int)TURN_HEADROOM && (int)UDP_TAILROOM >= (int)TURN_TAILROOM,
               "a head of TURN fits before what was received");

static bool has_bandwidth(struct turn_allocation *a, struct turn_rate *rate, size_t len, uint64_t now_us) {
    const struct turn_policy *policy = &a->station->policy;
    struct turn_shared *shared = a->station->shared;
    if (turn_rate_take(rate, len + OVERHEAD, policy->bandwidth, now_us) &&
        turn_shared_rate_take(&shared->total, len + OVERHEAD, policy->total_bandwidth, now_us))
        return true;
    metric_count(&turn_count_dropped, TURN_DROP_BANDWIDTH);
    return false;
}

static void count_relayed(enum turn_count_way way, size_t len) {
    metric_count(&turn_count_relayed, way);
    metric_add(&turn_count_relayed_bytes, way, len);
}

// ---- to peers ----

// Where a peer at an address of ours really is. False when nothing is relayed there.
static bool find_ours(const struct turn_station *s, const struct net_address *peer, struct net_address *ret) {
    if (turn_policy_is_external(&s->policy, peer) &&
        turn_homes_find(s->shared->homes, net_address_is_ipv4(peer), peer->port, ret))
        return true;
    *ret = *peer;
    return turn_homes_is_relayed(s->shared->homes, peer);
}

bool turn_relay_is_relayed(const struct turn_station *s, const struct net_address *peer) {
    struct net_address there;
    return find_ours(s, peer, &there);
}

static void send_to_peer(struct turn_allocation *a, const struct net_address *peer, bool ours, struct slice data,
                         uint64_t now_us) {
    struct net_address to = *peer;
    if (ours && !find_ours(a->station, peer, &to)) {
        metric_count(&turn_count_dropped, TURN_DROP_OWN_SERVICE);
        return;
    }
    if (!has_bandwidth(a, &a->to_peer, data.len, now_us))
        return;
    udp_send(a->relayed, &to, NULL, data);
    count_relayed(TURN_TO_PEER, data.len);
}

void turn_relay_channel_data(struct turn_allocation *a, struct slice datagram, uint64_t now_us) {
    uint16_t number;
    struct slice data;
    if (!turn_channel_parse(datagram, &number, &data)) {
        metric_count(&turn_count_dropped, TURN_DROP_MALFORMED);
        return;
    }
    const struct turn_channel *channel = turn_peers_channel(&a->peers, number, now_us / 1000);
    if (channel == NULL) {
        metric_count(&turn_count_dropped, TURN_DROP_NO_PERMISSION);
        return;
    }
    send_to_peer(a, &channel->peer, channel->ours, data, now_us);
}

void turn_relay_send(struct turn_allocation *a, const struct turn_message *m, uint64_t now_us) {
    // DONT-FRAGMENT is not supported, and so counts as unknown (RFC 8656 section 11.2).
    const uint32_t needed = TURN_HAS_PEER | TURN_HAS_DATA;
    if (m->malformed || m->unknown_count > 0 || (m->has & needed) != needed || (m->has & TURN_HAS_DONT_FRAGMENT) ||
        m->peer.ipv6 == net_address_is_ipv4(&m->peer.address)) {
        metric_count(&turn_count_dropped, TURN_DROP_MALFORMED);
        return;
    }
    const struct turn_permission *permission = turn_peers_permission(&a->peers, &m->peer.address, now_us / 1000);
    if (permission == NULL) {
        metric_count(&turn_count_dropped, TURN_DROP_NO_PERMISSION);
        return;
    }
    send_to_peer(a, &m->peer.address, permission->ours, m->data, now_us);
}

// ---- from peers ----

// Whose address the client knows this sender by; `ret_ours`: it is a relayed socket of ours.
static struct net_address known_as(const struct turn_station *s, const struct net_address *source, bool *ret_ours) {
    *ret_ours = turn_homes_is_relayed(s->shared->homes, source);
    return *ret_ours ? turn_policy_shown(&s->policy, source) : *source;
}

// Puts the head on that the client expects. An empty slice: it does not want to hear from there.
static struct slice wrap(struct turn_allocation *a, const struct udp_datagram *d, uint64_t now_ms) {
    bool ours;
    struct net_address peer = known_as(a->station, &d->peer, &ours);
    const struct turn_channel *channel = turn_peers_channel_to(&a->peers, &peer, now_ms);
    const struct turn_permission *permission = channel == NULL ? turn_peers_permission(&a->peers, &peer, now_ms) : NULL;
    if (channel == NULL && permission == NULL) {
        metric_count(&turn_count_dropped, TURN_DROP_NO_PERMISSION);
        return SLICE_EMPTY;
    }
    if (!ours && (channel != NULL ? channel->ours : permission->ours)) {
        metric_count(&turn_count_dropped, TURN_DROP_OWN_SERVICE);
        return SLICE_EMPTY;
    }
    if (channel != NULL)
        return turn_wrap_channel(d->data, d->len, channel->number);
    // An indication is answered by nobody: its id only has to differ from the last one (RFC 8489 section 6).
    uint8_t id[TURN_ID_LEN] = {0};
    uint64_t number = a->station->n_indications++;
    memcpy(id, &number, sizeof(number));
    return turn_wrap_data(d->data, d->len, &peer, id);
}

void turn_relay_from_peers(void *arg, const struct udp_datagram *d, size_t n) {
    struct turn_allocation *a = arg;
    uint64_t now_us = clock_mono_us(), now_ms = now_us / 1000;
    if (a->expires_ms <= now_ms)
        return; // the next sweep ends it
    for (size_t i = 0; i < n; i++) {
        struct slice datagram = wrap(a, &d[i], now_ms);
        if (datagram.len == 0 || !has_bandwidth(a, &a->to_client, d[i].len, now_us))
            continue;
        udp_send(a->door, &a->tuple.client, &a->tuple.local, datagram);
        count_relayed(TURN_TO_CLIENT, d[i].len);
    }
}
