// SPDX-License-Identifier: MIT
// The functions of the SQLite backend, one for each kind of operation; store/ *_ops.h say what they do.
#pragma once

#include "store/backend.h"

struct db;

backend_run sqlite_account_find, sqlite_account_create, sqlite_account_touch, sqlite_quota, sqlite_token_add,
    sqlite_token_list;
backend_run sqlite_account_show, sqlite_account_list, sqlite_account_block, sqlite_account_delete;
// A piece of the messages of deleted mailboxes. STORE_NOT_FOUND: there are none. *ret_more: there are more.
MUST_USE enum store_status sqlite_run_rest(struct backend_conn *c, bool *ret_more);
backend_run sqlite_invitation_add, sqlite_invitation_find, sqlite_invitation_list, sqlite_invitation_delete,
    sqlite_secret;
backend_run sqlite_mailbox_list, sqlite_mailbox_open, sqlite_mailbox_edit;
backend_run sqlite_deliver, sqlite_append;
backend_run sqlite_fetch, sqlite_body_read;
backend_run sqlite_flags, sqlite_expunge, sqlite_copy;
backend_run sqlite_queue_destinations, sqlite_queue_load, sqlite_queue_expired, sqlite_queue_total, sqlite_queue_list,
    sqlite_queue_show, sqlite_queue_find;
backend_run sqlite_queue_settle, sqlite_queue_defer, sqlite_queue_alive, sqlite_queue_retry;
// Lets what would wait for more than a day be tried at once, with all that follows for its destination.
MUST_USE enum store_status queue_repair_times(struct db *db, int64_t now);
// Removes policies that are over, a few at a time; ret_more: there are more.
MUST_USE enum store_status sts_purge(struct db *db, int64_t now, bool *ret_more);
backend_run sqlite_sts_find, sqlite_sts_keep, sqlite_sts_forget;
// The same for tokens that have expired.
MUST_USE enum store_status token_purge(struct db *db, int64_t today, bool *ret_more);
backend_run sqlite_overview;
backend_run sqlite_expiry_find, sqlite_expiry_remove, sqlite_expiry_shown, sqlite_expiry_clock,
    sqlite_expiry_clock_keep, sqlite_expiry_mend;
backend_run sqlite_push_load, sqlite_push_settle, sqlite_push_total;
// Asks for a push at each valid token of the account.
MUST_USE enum store_status push_ask(struct db *db, uint64_t account_id);
// Lets what was asked for, or is to be tried, later than can be come at once.
MUST_USE enum store_status push_repair_times(struct db *db, int64_t now_ms);
// Removes pushes that nobody cared for, a few at a time; ret_more: there are more.
MUST_USE enum store_status push_purge(struct db *db, int64_t now_ms, bool *ret_more);
