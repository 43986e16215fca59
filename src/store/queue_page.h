// SPDX-License-Identifier: MIT
// Pages of the queue that operations return. Private to the store.
#pragma once

#include "store/queue_ops.h"

static inline size_t queue_page_size(size_t max) {
    return max < STORE_QUEUE_PAGE_MAX ? max : STORE_QUEUE_PAGE_MAX;
}
// Free the rows and what they own. NULL is accepted.
void queue_dues_free(struct store_due *dues, size_t n);
void queue_destinations_free(struct store_destination *destinations, size_t n);
