// SPDX-License-Identifier: MIT
// The whole store in numbers, for the operator.
#pragma once

#include "store/store.h"

// Days within which an account has logged in, at the day of the last IMAP login and with today as one of them.
enum { STORE_ACTIVE_SPANS = 7 };
extern const uint32_t store_active_days[STORE_ACTIVE_SPANS];

// Sizes from which on messages are counted as large, in octets; each stands in a file of its own.
enum { STORE_LARGE_SIZES = 6 };
extern const uint64_t store_large_sizes[STORE_LARGE_SIZES];

// READ. Looks at each account and each mailbox once, so not to be asked all the time: 0.1 s for 100,000 accounts.
struct store_overview {
    struct store_op op;
    int64_t today;
    uint64_t ret_accounts, ret_blocked;
    uint64_t ret_ci; // accounts of automatic tests: "ci-" stands in their address
    uint64_t ret_active[STORE_ACTIVE_SPANS];
    uint64_t ret_fullest;                 // octets of the account that has the most
    uint64_t ret_messages, ret_octets;    // in mailboxes; a message to many counts in each
    uint64_t ret_files, ret_files_octets; // large bodies, which stand in files
    // Of these, those of at least such a size, each once however many mailboxes it is in.
    uint64_t ret_large[STORE_LARGE_SIZES], ret_large_octets[STORE_LARGE_SIZES];
};
struct store_overview *store_overview_new(int64_t today);
