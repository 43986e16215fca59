// SPDX-License-Identifier: MIT
// ChannelBind (RFC 8656 section 12): a number that stands for a peer. Numbers up to 0x7FFF are taken, as RFC 5766 had
// them.
#include "turn/allocation.h"
#include "turn/answer.h"
#include "turn/peer_check.h"
#include "turn/relay.h"
#include "turn/request.h"

static bool is_well_formed(const struct turn_message *m) {
    const uint32_t needed = TURN_HAS_CHANNEL_NUMBER | TURN_HAS_PEER;
    return (m->has & needed) == needed && m->channel >= TURN_CHANNEL_MIN && m->channel <= TURN_CHANNEL_MAX &&
           m->peer.address.port != 0;
}

static unsigned bind_channel(const struct turn_request *r) {
    const struct turn_message *m = r->message;
    if (!is_well_formed(m))
        return 400;
    struct turn_wanted wanted;
    unsigned error = turn_peer_check(r, &m->peer, &wanted);
    if (error != 0)
        return error;
    if (wanted.ours && !turn_relay_is_relayed(r->station, &wanted.peer))
        return 403;
    switch (turn_peers_bind(&r->allocation->peers, m->channel, &wanted, r->now_ms)) {
    case TURN_BOUND:
        return 0;
    case TURN_BOUND_OTHERWISE:
        return 400;
    case TURN_BOUND_TOO_MANY:
        return 508;
    }
    UNREACHABLE();
}

void turn_request_channel_bind(struct turn_request *r) {
    unsigned error = bind_channel(r);
    if (error != 0) {
        turn_answer_error(r, error);
        return;
    }
    struct turn_answer a;
    turn_answer_begin(&a, r);
    turn_answer_send(&a, r, TURN_DONE_CHANNEL);
}
