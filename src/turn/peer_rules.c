// SPDX-License-Identifier: MIT
#include "turn/peer_rules.h"

#include <string.h>

#include "config/network.h"

_Static_assert((int)TURN_NETWORKS_MAX == (int)CONFIG_NETWORKS_MAX, "every list that the configuration takes fits");

enum { IPV4_AT = 12, IPV4_LEN = 4 };

// Not of the public internet: RFC 6890 with its registries, without the networks for documentation, to which no packet
// ever finds a way.
static const struct turn_network DENIED[] = {
    {false, {0}, 8},          // "this" network, RFC 791; 0.0.0.0
    {false, {10}, 8},         // private, RFC 1918
    {false, {100, 64}, 10},   // shared, RFC 6598
    {false, {127}, 8},        // loopback
    {false, {169, 254}, 16},  // link-local, RFC 3927; metadata services of clouds
    {false, {172, 16}, 12},   // private
    {false, {192, 0, 0}, 24}, // protocol assignments, RFC 6890
    {false, {192, 168}, 16},  // private
    {false, {198, 18}, 15},   // benchmarks, RFC 2544
    {false, {224}, 4},        // multicast
    {false, {240}, 4},        // reserved, and broadcast
    // All that is not 2000::/3, the only global unicast there is (RFC 4291 section 2.4): ::, ::1, IPv4-mapped and
    // -compatible, unique local, link-local, multicast.
    {true, {0}, 3},
    {true, {0x40}, 2},
    {true, {0x80}, 1},
    {true, {0x20, 0x01}, 23}, // protocol assignments, RFC 2928; Teredo among them
};

// IPv6 networks whose addresses are those of an IPv4 host behind a translator or tunnel.
static const struct {
    struct turn_network network;
    size_t ipv4_at;
} CARRIERS[] = {
    {{true, {0x00, 0x64, 0xff, 0x9b}, 96}, IPV4_AT}, // NAT64, RFC 6052
    {{true, {0x20, 0x02}, 16}, 2},                   // 6to4, RFC 3056
};

static const uint8_t *bytes_of(const struct turn_peer *peer) {
    return peer->address.ip + (peer->ipv6 ? 0 : IPV4_AT);
}

static bool is_in(const struct turn_network *n, bool ipv6, const uint8_t *address) {
    if (n->ipv6 != ipv6)
        return false;
    size_t whole = n->prefix / 8;
    unsigned rest = n->prefix % 8;
    if (memcmp(n->address, address, whole) != 0)
        return false;
    return rest == 0 || (n->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

// The IPv4 address in this one, or NULL.
static const uint8_t *carried_by(bool ipv6, const uint8_t *address) {
    for (size_t i = 0; i < ARRAY_LEN(CARRIERS); i++)
        if (is_in(&CARRIERS[i].network, ipv6, address))
            return address + CARRIERS[i].ipv4_at;
    return NULL;
}

static bool is_denied(bool ipv6, const uint8_t *address) {
    const uint8_t *carried = carried_by(ipv6, address);
    if (carried != NULL)
        return is_denied(false, carried);
    for (size_t i = 0; i < ARRAY_LEN(DENIED); i++)
        if (is_in(&DENIED[i], ipv6, address))
            return true;
    return false;
}

bool turn_peer_rules_parse(struct slice list, struct turn_peer_rules *ret) {
    struct turn_peer_rules rules = {0};
    struct config_network n;
    while (config_network_next(&list, &n)) {
        if (rules.count == TURN_NETWORKS_MAX)
            return false;
        struct turn_network *to = &rules.allowed[rules.count++];
        to->ipv6 = n.is_ipv6;
        to->prefix = n.prefix;
        memcpy(to->address, n.address, sizeof(to->address));
    }
    if (slice_trim(list).len > 0)
        return false;
    *ret = rules;
    return true;
}

bool turn_peer_is_listed(const struct turn_peer_rules *rules, const struct turn_peer *peer) {
    if (peer->ipv6 && net_address_is_ipv4(&peer->address))
        return false;
    for (size_t i = 0; i < rules->count; i++)
        if (is_in(&rules->allowed[i], peer->ipv6, bytes_of(peer)))
            return true;
    return false;
}

bool turn_peer_carries(const struct turn_peer *peer, struct net_address *ret) {
    const uint8_t *carried = carried_by(peer->ipv6, bytes_of(peer));
    if (carried == NULL)
        return false;
    *ret = (struct net_address){.ip = {[10] = 0xff, [11] = 0xff}, .port = peer->address.port};
    memcpy(ret->ip + IPV4_AT, carried, IPV4_LEN);
    return true;
}

bool turn_peer_is_allowed(const struct turn_peer_rules *rules, const struct turn_peer *peer) {
    return turn_peer_is_listed(rules, peer) || !is_denied(peer->ipv6, bytes_of(peer));
}
