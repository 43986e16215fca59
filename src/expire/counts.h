// SPDX-License-Identifier: MIT
// What expiry counts, under the names of base/metrics.h.
#pragma once

#include "store/expiry_ops.h"

void expire_counts_register(void);
void expire_count_round(void);
// A slice of the writer's time and what it removed.
void expire_count_slice(enum store_expiry_rule rule, uint64_t messages, uint64_t octets, uint64_t took_us);
// An account and the messages that go with it.
void expire_count_account(uint64_t messages, uint64_t octets);
// 1 while the clock is not believed.
void expire_count_doubt(bool doubted);
