// SPDX-License-Identifier: MIT
// CreatePermission (RFC 8656 section 10): all peers that it names, or none.
#include <string.h>

#include "turn/allocation.h"
#include "turn/answer.h"
#include "turn/peer_check.h"
#include "turn/request.h"

static bool is_among(const struct turn_wanted *wanted, size_t n, const struct net_address *peer) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(wanted[i].peer.ip, peer->ip, sizeof(peer->ip)) == 0)
            return true;
    return false;
}

// The error code, or 0 and the peers, each once.
static unsigned collect(const struct turn_request *r, struct turn_wanted wanted[TURN_PERMISSIONS_MAX], size_t *ret_n) {
    struct turn_peer peer;
    size_t n = 0;
    for (size_t at = 0; turn_message_next_peer(r->message, &at, &peer);) {
        if (peer.ipv6 != net_address_is_ipv4(&peer.address) && is_among(wanted, n, &peer.address))
            continue;
        // Before the peer is looked at, which costs system calls: a datagram has room for 160.
        if (n == TURN_PERMISSIONS_MAX)
            return 508;
        struct turn_wanted one;
        unsigned error = turn_peer_check(r, &peer, &one);
        if (error != 0)
            return error;
        wanted[n++] = one;
    }
    *ret_n = n;
    return n == 0 ? 400 : 0;
}

void turn_request_create_permission(struct turn_request *r) {
    struct turn_wanted wanted[TURN_PERMISSIONS_MAX];
    size_t n = 0;
    unsigned error = collect(r, wanted, &n);
    if (error == 0 && !turn_peers_permit(&r->allocation->peers, wanted, n, r->now_ms))
        error = 508;
    if (error != 0) {
        turn_answer_error(r, error);
        return;
    }
    struct turn_answer a;
    turn_answer_begin(&a, r);
    turn_answer_send(&a, r, TURN_DONE_PERMISSION);
}
