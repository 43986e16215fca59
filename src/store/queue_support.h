// SPDX-License-Identifier: MIT
// What the tests of the queue share: letters, and the queue as text. Include behind <cmocka.h>.
#pragma once

#include "store/queue_operator_ops.h"
#include "store/test_support.h"

// A delivery of `text` from an account (0: none) to remote recipients, separated by spaces; the destination of each is
// what stands behind its "@". `seed` makes its dedup hash.
struct store_deliver *make_letter(struct fixture *f, uint64_t sender, const char *text, const char *recipients,
                                  uint8_t seed);
// Delivers one of its own text and hash; the number of the due row of its first recipient.
uint64_t send_letter(struct fixture *f, uint64_t sender, const char *recipients);

// What is loaded, as "<recipients>;", followed by " attempts=N reply=..." when it was deferred, and " more" or
// " next=N" at the end.
const char *load_text(struct fixture *f, const char *destination, int64_t now, size_t max);
// What store_queue_list tells: "name dues/recipients/octets next=N" and " failed=N since=N until=N error" each.
const char *list_text(struct fixture *f);
// "destinations/letters/dues/recipients/octets".
const char *total_text(struct fixture *f);
// Settles one row: `left` as in make_letter(), NULL when nobody is.
enum store_status settle(struct fixture *f, uint64_t due_id, const char *left, int64_t next_at, const char *reply);
enum store_status defer(struct fixture *f, const char *destination, int64_t now, int64_t next_at, const char *error);
// The body of a due row.
char *read_letter(struct fixture *f, const struct store_due *d, enum store_status *ret_status);
