// SPDX-License-Identifier: MIT
// Fuzzes what decides about clients without knowing them: peers against the rules, user names, nonces. The input is an
// address of 16 octets, whether it was written as IPv6, and a text that is list, user name and nonce at once.
#include <stdint.h>
#include <string.h>

#include "turn/credential.h"
#include "turn/nonce.h"
#include "turn/peer_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_peer(const struct turn_peer *peer, struct slice list) {
    struct turn_peer_rules none = {.count = 0}, rules = {.count = 0};
    bool by_default = turn_peer_is_allowed(&none, peer);
    ASSERT(!turn_peer_is_listed(&none, peer));
    ASSERT(!by_default || !net_address_is_loopback(&peer->address));
    ASSERT(!(peer->ipv6 && net_address_is_ipv4(&peer->address) && by_default));
    if (!turn_peer_rules_parse(list, &rules))
        return;
    ASSERT(rules.count <= TURN_NETWORKS_MAX);
    bool listed = turn_peer_is_listed(&rules, peer);
    ASSERT(turn_peer_is_allowed(&rules, peer) == (by_default || listed));
    ASSERT(!(listed && peer->ipv6 && net_address_is_ipv4(&peer->address)));
}

static void check_texts(const struct net_address *client, struct slice text) {
    static const int64_t now = 1758650868;
    uint8_t key[TURN_KEY_LEN];
    if (turn_username_valid(text, now)) {
        ASSERT(text.len >= 10 && ascii_is_digit(text.ptr[0]));
        turn_credential_key(SLICE("secret"), text, SLICE("realm"), key);
    }
    ASSERT(!turn_nonce_valid(SLICE("secret"), client, now, text));
    char nonce[TURN_NONCE_LEN];
    turn_nonce_make(SLICE("secret"), client, now, nonce);
    ASSERT(turn_nonce_valid(SLICE("secret"), client, now, slice_make(nonce, sizeof(nonce))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct turn_peer peer = {0};
    if (size < sizeof(peer.address.ip) + 1)
        return 0;
    memcpy(peer.address.ip, data, sizeof(peer.address.ip));
    peer.ipv6 = (data[sizeof(peer.address.ip)] & 1) || !net_address_is_ipv4(&peer.address);
    struct slice text =
        slice_make((const char *)data + sizeof(peer.address.ip) + 1, size - sizeof(peer.address.ip) - 1);
    check_peer(&peer, text);
    check_texts(&peer.address, text);
    return 0;
}
