// SPDX-License-Identifier: MIT
// Operations on accounts and their metadata. An address stands in the account row alone; everywhere else an account is
// a number.
#pragma once

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
    bool ret_created;
    uint64_t ret_account_id;
    uint64_t ret_inbox_id;
    char ret_password_hash[STORE_PASSWORD_HASH_MAX + 1];
    bool ret_blocked;
    int64_t ret_last_login_day; // the day of creation for a new account
};
struct store_account_create *store_account_create_new(struct slice address, struct slice password_hash);

// Remember the day of an IMAP login (days since 1970; nothing finer is ever stored). WRITE.
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

// Device tokens for push (IMAP METADATA /private/devicetoken), in order of first setting. Adding one that is there
// changes nothing. At most STORE_TOKENS_MAX per account: the oldest makes room.
enum { STORE_TOKEN_MAX = 4096, STORE_TOKENS_MAX = 20 };
struct store_token_add { // WRITE
    struct store_op op;
    uint64_t account_id;
    char *token;
};
struct store_token_add *store_token_add_new(uint64_t account_id, struct slice token);
struct store_token_list { // READ
    struct store_op op;
    uint64_t account_id;
    char **ret_tokens;
    size_t ret_n_tokens;
};
struct store_token_list *store_token_list_new(uint64_t account_id);
