// SPDX-License-Identifier: MIT
// What the operator sees of the outbound queue and does to it (store/queue_ops.h says what it is).
#pragma once

#include "store/queue_ops.h"

// The whole queue in numbers. READ.
struct store_queue_total {
    struct store_op op;
    uint64_t ret_destinations, ret_letters, ret_dues, ret_recipients;
    uint64_t ret_octets; // of the letters, each counted once
    int64_t ret_oldest;  // 0: the queue is empty
};
struct store_queue_total *store_queue_total_new(void);

// Destinations in order of name, beginning behind `after`. The last_error of one whose hosts answer is what they said
// of the letter that is to be tried last. READ.
struct store_queue_list {
    struct store_op op;
    char *after; // "": from the first
    size_t max;  // at most STORE_QUEUE_PAGE_MAX
    struct store_destination *ret_destinations;
    size_t ret_n;
    bool ret_more;
};
struct store_queue_list *store_queue_list_new(struct slice after, size_t max);

// One destination and what is due to it, in order of acceptance. READ. STORE_NOT_FOUND: nothing is. The rows carry
// neither the octets of the prefix nor the key. To read on, set after_created and after_id from the last one.
struct store_queue_show {
    struct store_op op;
    char *destination;
    size_t max; // at most STORE_QUEUE_PAGE_MAX
    int64_t after_created;
    uint64_t after_id; // 0: from the beginning
    struct store_destination ret_destination;
    struct store_due *ret_dues;
    size_t ret_n;
    bool ret_more;
};
struct store_queue_show *store_queue_show_new(struct slice destination, size_t max);

// One due row by its number, as store_queue_load returns it. READ. STORE_NOT_FOUND.
struct store_queue_find {
    struct store_op op;
    uint64_t due_id;
    struct store_due ret_due;
};
struct store_queue_find *store_queue_find_new(uint64_t due_id);

// Everything that is due to a destination ("": to all) may be tried at once. WRITE, in pieces, between which other
// writes have their turn. The news say it of each destination. STORE_NOT_FOUND: nothing is due to it.
struct store_queue_retry {
    struct store_op op;
    char *destination;
    bool is_for_all;
    int64_t now;
    uint64_t ret_dues;                  // how many those are
    char at[STORE_DESTINATION_MAX + 1]; // the backend's
    uint64_t counted_id;                // the backend's
};
struct store_queue_retry *store_queue_retry_new(struct slice destination, int64_t now);
