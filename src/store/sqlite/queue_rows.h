// SPDX-License-Identifier: MIT
// Rows of the queue and the counters that go with them. What changes due rows of a destination loads the row of that
// and the row of the whole queue, changes them side by side, and saves them.
#pragma once

#include "store/queue_ops.h"
#include "store/sqlite/db.h"

// The whole queue in numbers.
struct queue_row {
    uint64_t destinations, letters, dues, recipients, octets;
};
MUST_USE enum store_status queue_row_load(struct db *db, struct queue_row *ret);
MUST_USE enum store_status queue_row_save(struct db *db, const struct queue_row *queue);

struct destination_row {
    uint64_t id;
    int64_t next_at, deferred_until;
    uint32_t attempts;
    int64_t oldest;
    uint64_t dues, recipients, octets;
};
// STORE_NOT_FOUND: nothing is due to it.
MUST_USE enum store_status destination_load(struct db *db, const char *name, struct destination_row *ret);
MUST_USE enum store_status destination_load_id(struct db *db, uint64_t id, struct destination_row *ret);
// Makes one when there is none, counted in `queue`.
MUST_USE enum store_status destination_load_or_new(struct db *db, const char *name, struct queue_row *queue,
                                                   struct destination_row *ret);
// Saves its counters and times; what has no due rows any more is removed, and uncounted in `queue`.
MUST_USE enum store_status destination_save(struct db *db, struct queue_row *queue, struct destination_row *x);
// The same after due rows were removed or deferred: finds its first times again.
MUST_USE enum store_status destination_settle(struct db *db, struct queue_row *queue, struct destination_row *x);
// Sets its deferral (0: none) and how often in a row it has failed (0: it answered).
MUST_USE enum store_status destination_set_failure(struct db *db, struct destination_row *x, int64_t deferred_until,
                                                   uint32_t attempts, int64_t now, const char *error);
// Ends its deferral; what it failed of stays known.
MUST_USE enum store_status destination_retry(struct db *db, struct destination_row *x);

// The row that stands for an account while letters of it wait, made when there is none. ret_recipients wait.
MUST_USE enum store_status sender_load(struct db *db, uint64_t account_id, uint64_t *ret_id, uint64_t *ret_recipients);
// Counts `more` recipients of it (less than 0: fewer); the row goes with the last one. id 0: nobody.
MUST_USE enum store_status sender_count(struct db *db, uint64_t id, int64_t more);

// A due row, as far as changing it goes.
struct due_row {
    uint64_t id, letter_id, destination_id;
    uint64_t n_recipients;
    uint64_t letter_dues; // of its letter, this one included
    uint64_t body_id, sender_id;
    uint64_t octets;
};
// STORE_NOT_FOUND.
MUST_USE enum store_status due_load(struct db *db, uint64_t id, struct due_row *ret);
// Removes it, with its letter and the reference to the body when it was the last one, and uncounts it in both.
MUST_USE enum store_status due_remove(struct db *db, struct queue_row *queue, struct destination_row *x,
                                      const struct due_row *d);

// Recipients as they are kept, each with a line feed behind it. The caller frees it. NULL: one is empty or has one
// inside.
char *recipients_join(char *const *recipients, size_t n);

// Reads the row that one of the SQL_DUE_ statements for whole rows stands on. `whole`: with prefix and key.
void due_read(struct query *q, bool whole, struct store_due *ret);
// Reads the row that one of the SQL_DESTINATION_ statements for whole rows stands on.
void destination_read(struct query *q, struct store_destination *ret);
