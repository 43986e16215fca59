// SPDX-License-Identifier: MIT
// Gauges of what stands in the store: the queue, notifications, accounts, messages. They have values from the first
// time that somebody reads the metrics.
#pragma once

struct control_session;

// Asks the store, then calls `next`. What the store does not say has no value. Accounts and messages are counted once a
// minute at most.
void store_gauges_read(struct control_session *s, void (*next)(struct control_session *s));
