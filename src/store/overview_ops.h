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

// READ. Looks at each account, mailbox and file once, so not to be asked all the time: 0.1 s for 100,000 accounts. No
// reader is held up for so long: an operation is one piece of that, and adds its numbers to those of the piece before.
enum { STORE_OVERVIEW_PIECE = 500, STORE_OVERVIEW_FILE_LEN = 16 };
struct store_overview {
    struct store_op op;
    int64_t today;
    uint64_t max_rows; // STORE_OVERVIEW_PIECE
    // Where this piece begins: behind an account, or, when all are counted, behind a file.
    bool of_files;
    uint64_t after_account;
    size_t after_file_len;
    uint8_t after_file[STORE_OVERVIEW_FILE_LEN];

    bool ret_done; // false: there is more, see store_overview_next_new()
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
// The piece behind `before`, which has ended well; its numbers begin with those of that.
struct store_overview *store_overview_next_new(const struct store_overview *before);
