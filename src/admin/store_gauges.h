// SPDX-License-Identifier: MIT
// Gauges of what stands in the store: the queue, notifications, accounts, messages. They have values from the first
// time that somebody reads the metrics.
#pragma once

struct loop;
struct store;
struct store_op;

// Embedded in who asks; zeroed but for what it sets.
struct store_gauges_asker {
    struct store *store;
    struct loop *loop;                          // of the asker
    void (*next)(struct store_gauges_asker *a); // in a later turn, once; may free the asker
    // The module's:
    struct store_op *op; // under way, or NULL
    void (*on_op)(struct store_gauges_asker *a, const struct store_op *op);
};

// Asks the store, then calls `next`. What the store does not say has no value. Accounts and messages are counted once a
// minute at most.
void store_gauges_read(struct store_gauges_asker *a);
// `next` will not be called. Nothing under way is fine.
void store_gauges_cancel(struct store_gauges_asker *a);
