// SPDX-License-Identifier: MIT
// Operations on invitations: a random number, how many accounts it is still good for, and its last day. One that is
// used up or has expired is deleted.
#pragma once

#include "store/store.h"

enum { STORE_INVITATION_LEN = 16, STORE_SECRET_LEN = 32, STORE_SECRET_NAME_MAX = 32 };

// WRITE. Also deletes what has expired. STORE_EXISTS: the number is taken.
struct store_invitation_add {
    struct store_op op;
    uint8_t invitation[STORE_INVITATION_LEN];
    uint32_t uses;
    int64_t last_day; // days since 1970
};
struct store_invitation_add *store_invitation_add_new(const uint8_t invitation[STORE_INVITATION_LEN], uint32_t uses,
                                                      int64_t last_day);

// READ. STORE_NOT_FOUND when it is unknown, used up, or its last day is before `today`.
struct store_invitation_find {
    struct store_op op;
    uint8_t invitation[STORE_INVITATION_LEN];
    int64_t today;
    uint32_t ret_uses;
    int64_t ret_last_day;
};
struct store_invitation_find *store_invitation_find_new(const uint8_t invitation[STORE_INVITATION_LEN], int64_t today);

// READ. A page of those that are still good, oldest day first. Fewer than STORE_INVITATIONS_PAGE: the last.
enum { STORE_INVITATIONS_PAGE = 500 };
struct store_invitation_row {
    uint8_t invitation[STORE_INVITATION_LEN];
    uint32_t uses;
    int64_t last_day;
};
struct store_invitation_list {
    struct store_op op;
    struct store_invitation_row after;
    struct store_invitation_row *ret_rows; // owned
    size_t ret_n_rows;
};
// `after`: the last row of the page before; NULL: the first page.
struct store_invitation_list *store_invitation_list_new(int64_t today, const struct store_invitation_row *after);

// WRITE. Takes an invitation back. STORE_NOT_FOUND when there is none.
struct store_invitation_delete {
    struct store_op op;
    uint8_t invitation[STORE_INVITATION_LEN];
};
struct store_invitation_delete *store_invitation_delete_new(const uint8_t invitation[STORE_INVITATION_LEN]);

// WRITE. A secret of the store by its name, made of random octets when it is asked for first.
struct store_secret {
    struct store_op op;
    char name[STORE_SECRET_NAME_MAX + 1];
    uint8_t ret_secret[STORE_SECRET_LEN];
};
struct store_secret *store_secret_new(const char *name);
