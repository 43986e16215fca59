// SPDX-License-Identifier: MIT
// Operations on mailboxes. Names are octets as IMAP has them (modified UTF-7), hierarchy separator "/", at most
// STORE_MAILBOX_NAME_MAX octets; "INBOX" is case-insensitive and always there. At most STORE_MAILBOXES_MAX per account.
#pragma once

#include "store/store.h"

enum { STORE_MAILBOX_NAME_MAX = 255, STORE_MAILBOXES_MAX = 100 };

struct store_mailbox_info {
    uint64_t id;
    char *name;
    bool subscribed;
};

// All mailboxes of an account, sorted by name. READ.
struct store_mailbox_list {
    struct store_op op;
    uint64_t account_id;
    struct store_mailbox_info *ret_mailboxes;
    size_t ret_n_mailboxes;
};
struct store_mailbox_list *store_mailbox_list_new(uint64_t account_id);

// State of one mailbox, and (with want_uids) the UID of every message, ascending. READ. STORE_NOT_FOUND.
struct store_mailbox_open {
    struct store_op op;
    uint64_t account_id;
    char *name;
    bool want_uids;
    uint64_t ret_mailbox_id;
    uint32_t ret_uid_validity;
    uint32_t ret_uid_next;
    uint64_t ret_highest_modseq;
    uint32_t ret_messages, ret_unseen, ret_deleted;
    uint32_t ret_first_unseen_uid; // 0 when none; only with want_uids
    uint64_t ret_size;             // octets of its messages
    bool ret_large_waits;          // a large message was never shown (store/expiry_ops.h); only with want_uids
    uint32_t *ret_uids;
    size_t ret_n_uids;
};
struct store_mailbox_open *store_mailbox_open_new(uint64_t account_id, struct slice name, bool want_uids);

enum store_mailbox_edit_kind {
    STORE_MAILBOX_CREATE,      // STORE_EXISTS; parents are made; STORE_QUOTA when there are too many
    STORE_MAILBOX_DELETE,      // its messages are erased soon after; STORE_NOT_FOUND, STORE_INVALID for INBOX
    STORE_MAILBOX_RENAME,      // with its children; renaming INBOX moves its messages (RFC 3501 6.3.5); STORE_TOO_MANY
    STORE_MAILBOX_SUBSCRIBE,   // STORE_NOT_FOUND when there is no such mailbox
    STORE_MAILBOX_UNSUBSCRIBE, //
};
struct store_mailbox_edit { // WRITE
    struct store_op op;
    enum store_mailbox_edit_kind kind;
    uint64_t account_id;
    char *name;
    char *new_name; // RENAME
    uint64_t origin;
};
struct store_mailbox_edit *store_mailbox_edit_new(enum store_mailbox_edit_kind kind, uint64_t account_id,
                                                  struct slice name, struct slice new_name);
