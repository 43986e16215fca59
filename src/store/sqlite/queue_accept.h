// SPDX-License-Identifier: MIT
// What store_deliver puts into the queue: one letter, and a due row for each destination.
#pragma once

#include "store/body_view.h"
#include "store/message_ops.h"
#include "store/sqlite/db.h"

// Notices that an accepted message was seen: its dedup hash for one local mailbox, or for one remote recipient when
// that is not NULL. ret_is_new: it was not there. What is to be taken back is so under the day that it was added under.
MUST_USE enum store_status accepted_add(struct db *db, const struct store_deliver *d, int64_t today,
                                        uint64_t mailbox_id, const char *recipient, bool *ret_is_new);
MUST_USE enum store_status accepted_remove(struct db *db, const struct store_deliver *d, int64_t today,
                                           uint64_t mailbox_id);

// Decides the outcome for each remote recipient. Fails with STORE_FULL, STORE_BACKLOG or STORE_INVALID when nothing may
// be queued. `bounded`: the bounds of the queue count.
MUST_USE enum store_status queue_decide(struct db *db, struct store_deliver *d, uint64_t body_size, bool bounded,
                                        size_t *ret_n_queued);
// Puts the n_queued ones into the queue; the letter takes one reference to the body.
MUST_USE enum store_status queue_put(struct db *db, struct store_deliver *d, const struct body_view *body,
                                     uint64_t body_id, size_t n_queued);

// A whole delivery in the transaction under way (store_deliver); as an operation of its own it is `bounded`.
MUST_USE enum store_status deliver_run(struct db *db, struct store_deliver *d, bool bounded);
