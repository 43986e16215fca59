// SPDX-License-Identifier: MIT
// Operations on accounts and their metadata. An address stands in the account row alone; everywhere else an account is
// a number.
#pragma once

#include "store/invitation_ops.h"
#include "store/store.h"

enum { STORE_ADDRESS_MAX = 320, STORE_PASSWORD_HASH_MAX = 512 };

// Look up an account by address (already lower-cased). READ.
// STORE_OK with the ret_ fields, or STORE_NOT_FOUND.
struct store_account_find {
    struct store_op op;
    char address[STORE_ADDRESS_MAX + 1];
    uint64_t ret_account_id;
    uint64_t ret_inbox_id;
    char ret_password_hash[STORE_PASSWORD_HASH_MAX + 1]; // as crypt(3) writes it, perhaps with a {SCHEME} prefix
    bool ret_blocked;
    int64_t ret_last_login_day;
};
struct store_account_find *store_account_find_new(struct slice address);

// Create an account with its INBOX, unless it is there already. WRITE. Always STORE_OK on success; ret_created tells
// which, and the ret_ fields describe the account that stands now (the first writer wins).
struct store_account_create {
    struct store_op op;
    char address[STORE_ADDRESS_MAX + 1];
    char password_hash[STORE_PASSWORD_HASH_MAX + 1];
    bool needs_invitation; // store_account_create_by_invitation()
    uint8_t invitation[STORE_INVITATION_LEN];
    int64_t today;
    bool ret_created;
    uint64_t ret_account_id;
    uint64_t ret_inbox_id;
    char ret_password_hash[STORE_PASSWORD_HASH_MAX + 1];
    bool ret_blocked;
    int64_t ret_last_login_day; // the day of creation for a new account
};
struct store_account_create *store_account_create_new(struct slice address, struct slice password_hash);
// The account may only come into being by this invitation (store/invitation_ops.h): one use of it is taken in the same
// commit. STORE_NOT_FOUND, and no account, when it is not good any more. One that stands already takes no use.
void store_account_create_by_invitation(struct store_account_create *op, const uint8_t invitation[STORE_INVITATION_LEN],
                                        int64_t today);

// Remember the day of an IMAP login (days since 1970; nothing finer is ever stored), or the one that expiry has come to
// while the clock is behind that, or the login would count for nothing. WRITE. STORE_NOT_FOUND.
struct store_account_touch {
    struct store_op op;
    uint64_t account_id;
    int64_t day;
};
struct store_account_touch *store_account_touch_new(uint64_t account_id, int64_t day);

// Octets used by all messages of the account, and the quota. READ.
struct store_quota {
    struct store_op op;
    uint64_t account_id;
    uint64_t ret_used;
    uint64_t ret_limit;
};
struct store_quota *store_quota_new(uint64_t account_id);

// Device tokens for push (IMAP METADATA /private/devicetoken): printable ASCII without blank, double quote and
// backslash. Setting one that is there renews it; on the same day that writes nothing. One is valid for
// STORE_TOKEN_DAYS days from the day it was last set, and nothing finer than that day is kept of it; then it is as if
// it were gone, and is removed in time. At most STORE_TOKENS_MAX per account: the one that was set the longest ago
// makes room.
enum { STORE_TOKEN_MAX = 4096, STORE_TOKENS_MAX = 20, STORE_TOKEN_DAYS = 90 };
bool store_token_is_valid(struct slice token);
struct store_token_add { // WRITE. STORE_INVALID: not a token; STORE_NOT_FOUND: no such account.
    struct store_op op;
    uint64_t account_id;
    char *token;
};
struct store_token_add *store_token_add_new(uint64_t account_id, struct slice token);
struct store_token_list { // READ. In order of first setting.
    struct store_op op;
    uint64_t account_id;
    char **ret_tokens;
    size_t ret_n_tokens;
};
struct store_token_list *store_token_list_new(uint64_t account_id);

// ---- for the operator ----

struct store_account_row {
    uint64_t account_id;
    char *address; // owned by the operation
    bool blocked;
    int64_t last_login_day;
    uint64_t octets, messages; // in all mailboxes
};
// The row of one account, by its address. READ. STORE_NOT_FOUND.
struct store_account_show {
    struct store_op op;
    char address[STORE_ADDRESS_MAX + 1];
    struct store_account_row ret_row;
};
struct store_account_show *store_account_show_new(struct slice address);

// A page of accounts in order of their numbers, those above `after`. READ. Fewer than STORE_ACCOUNTS_PAGE: the last.
enum { STORE_ACCOUNTS_PAGE = 500 };
struct store_account_list {
    struct store_op op;
    uint64_t after;
    struct store_account_row *ret_rows; // owned
    size_t ret_n_rows;
};
struct store_account_list *store_account_list_new(uint64_t after);

// A blocked account cannot send and receives nothing new; what it has, it can read. WRITE. STORE_NOT_FOUND.
struct store_account_block {
    struct store_op op;
    uint64_t account_id;
    bool blocked;
};
struct store_account_block *store_account_block_new(uint64_t account_id, bool blocked);

// Deletes an account with its mailboxes, messages and tokens. When it is done the rows of account and mailboxes are
// gone: nobody can log in, deliver or select, and sessions learn it by STORE_CHANGE_DELETED of each mailbox, INBOX
// included. The messages follow in pieces, between the operations of others, and go on after a crash or a full disk;
// store_verify() knows what is left of them. WRITE. STORE_NOT_FOUND.
struct store_account_delete {
    struct store_op op;
    uint64_t account_id;
    int64_t login_day;     // only if the last login was on this day or before: else STORE_NOT_FOUND; INT64_MAX
    uint64_t ret_messages; // that follow
};
struct store_account_delete *store_account_delete_new(uint64_t account_id);
