// SPDX-License-Identifier: MIT
// What the TURN server counts (base/metrics.h).
#pragma once

#include "base/metrics.h"

enum turn_count_way { TURN_TO_PEER, TURN_TO_CLIENT };

enum turn_count_drop {
    TURN_DROP_MALFORMED,     // neither STUN nor ChannelData, or broken
    TURN_DROP_UNSOLICITED,   // an answer or an indication that no client sends, or data without an allocation
    TURN_DROP_NO_PERMISSION, // the peer has none, or the channel is not bound
    TURN_DROP_OWN_SERVICE,   // an address of ours, at a port that is not relayed
    TURN_DROP_BANDWIDTH,     // of the allocation or of all
    TURN_DROP_UNANSWERED,    // not authenticated, and its source has had many answers, or the answer is too large
};

enum turn_count_success {
    TURN_DONE_BINDING,
    TURN_DONE_ALLOCATE,
    TURN_DONE_REFRESH,
    TURN_DONE_PERMISSION,
    TURN_DONE_CHANNEL,
};

extern struct metric_counter turn_count_relayed;       // datagrams, by enum turn_count_way
extern struct metric_counter turn_count_relayed_bytes; // what they carried
extern struct metric_counter turn_count_dropped;       // datagrams, by enum turn_count_drop
extern struct metric_counter turn_count_successes;     // by enum turn_count_success
extern struct metric_level turn_count_allocations;

// Refusals by error code.
void turn_count_refusal(unsigned code);
void turn_count_register(void);
