// SPDX-License-Identifier: MIT
// Mailboxes: making, renaming and removing them.
#pragma once

#include "store/mailbox_ops.h"
#include "store/sqlite/db.h"

// A UIDVALIDITY that is larger than every one before it in this store.
MUST_USE enum store_status mailbox_next_uid_validity(struct db *db, uint32_t *ret);

// Makes one mailbox, under a new UIDVALIDITY.
MUST_USE enum store_status mailbox_insert(struct db *db, uint64_t account_id, const char *name, bool subscribed,
                                          uint64_t *ret_id);
// Makes `name` and the mailboxes above it that are missing. STORE_EXISTS, STORE_QUOTA.
MUST_USE enum store_status mailbox_create(struct db *db, uint64_t account_id, const char *name, uint64_t *ret_id);
// STORE_NOT_FOUND, STORE_EXISTS, STORE_INVALID. Names are in their kept form.
MUST_USE enum store_status mailbox_rename(struct db *db, uint64_t account_id, const char *name, const char *new_name,
                                          uint64_t origin);
