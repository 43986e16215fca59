// SPDX-License-Identifier: MIT
#include "turn/peer_check.h"

#include "turn/allocation.h"
#include "turn/request.h"

unsigned turn_peer_check(const struct turn_request *r, const struct turn_peer *peer, struct turn_wanted *ret) {
    if (peer->ipv6 == net_address_is_ipv4(&r->allocation->port.address))
        return 443;
    enum turn_verdict verdict = turn_station_judge(r->station, peer, r->now_ms);
    if (verdict == TURN_PEER_FORBIDDEN)
        return 403;
    *ret = (struct turn_wanted){.peer = peer->address, .ours = verdict == TURN_PEER_OURS};
    return 0;
}
