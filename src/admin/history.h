// SPDX-License-Identifier: MIT
// What some counters said in each minute of the last day, in memory alone, so that "in the last hour" can be answered.
// Any thread.
#pragma once

#include <stdint.h>

// What is kept, as the sum over the values of a metric's label.
enum control_series {
    CONTROL_SUBMITTED, // messages taken from accounts
    CONTROL_INBOUND,   // and from other servers
    CONTROL_DELIVERED, // copies laid into mailboxes
    CONTROL_SENT,      // recipients elsewhere whose server took it
    CONTROL_REFUSED,   // from either
    CONTROL_CREATED,   // accounts
    CONTROL_N_SERIES,
};

struct control_history;

// Takes its first sample.
struct control_history *control_history_new(void);
// Takes a sample when the last one is a minute old. To be called twice a minute or so, by one thread.
void control_history_tick(struct control_history *h);
// NULL is accepted.
void control_history_free(struct control_history *h);

// How much was added in the last `seconds`, rounded up to whole minutes, or since the start when that is nearer.
uint64_t control_history_added(struct control_history *h, enum control_series series, uint64_t seconds);
