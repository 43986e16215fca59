// SPDX-License-Identifier: MIT
// Rows of mailboxes, entries and bodies, and the counters that go with them. What changes entries of a mailbox loads
// its row, changes rows and counters side by side, and saves it.
#pragma once

#include "store/body_view.h"
#include "store/message_ops.h"
#include "store/sqlite/db.h"

enum { MAILBOX_MESSAGES_MAX = 200 * 1000 };

struct mailbox_row {
    uint64_t id, account_id;
    uint32_t uid_validity, uid_next;
    uint64_t modseq;
    uint32_t messages, unseen, deleted;
    uint64_t octets;
};

// STORE_NOT_FOUND.
MUST_USE enum store_status mailbox_load(struct db *db, uint64_t id, struct mailbox_row *ret);
// By its kept name.
MUST_USE enum store_status mailbox_load_name(struct db *db, uint64_t account_id, const char *name,
                                             struct mailbox_row *ret);
// The INBOX of the account with this address, unless it is blocked.
MUST_USE enum store_status mailbox_load_for_delivery(struct db *db, const char *address, struct mailbox_row *ret);
MUST_USE enum store_status mailbox_load_for_delivery_by_id(struct db *db, uint64_t account_id, struct mailbox_row *ret);
MUST_USE enum store_status mailbox_save(struct db *db, const struct mailbox_row *m);

// How a key is kept: an octet that tells the format, then the key itself.
enum { KEY_FORMAT_PLAIN = 1, STORED_KEY_LEN = 1 + BODY_KEY_LEN };

struct entry_row {
    uint32_t uid;
    uint64_t body_id;
    uint8_t key[STORED_KEY_LEN];
    uint32_t flags;
    char *keywords; // owned
    uint64_t size;
    int64_t date;
    uint64_t modseq;
    int64_t hour; // of its arrival in the account, since 1970
    bool shown;   // a large one that a client has had in a selected mailbox
};
struct entry_list {
    struct entry_row *rows;
    size_t n, cap;
};

// Reads the row that SQL_ENTRY_RANGE or SQL_ENTRY_DELETED stands on, or without its keywords.
void entry_read(struct query *q, struct entry_row *ret);
// What operations on any number of messages do at a time, before other writes have their turn: a few milliseconds.
enum { ENTRY_PIECE = 2000 };
// Appends the entries of each range, in order, and stops when the list holds `max`; `sql` is one of the two.
MUST_USE enum store_status entry_list_load(struct db *db, enum sql sql, uint64_t mailbox_id,
                                           const struct store_uid_range *ranges, size_t n_ranges, size_t max,
                                           struct entry_list *ret);
void entry_list_done(struct entry_list *l);

// Is there room for one more message of `size` octets, of which the account uses `used`?
bool mailbox_has_room(struct db *db, const struct mailbox_row *m, uint64_t used, uint64_t size);
// So many hundredths of the quota, in octets.
uint64_t quota_part(const struct db *db, unsigned percent);
// Notes an account that uses more of its quota than it should, for expiry.
MUST_USE enum store_status account_note_used(struct db *db, uint64_t account_id, uint64_t used);
// STORE_NOT_FOUND.
MUST_USE enum store_status account_exists(struct db *db, uint64_t account_id);
// Octets of all mailboxes of the account.
MUST_USE enum store_status account_used(struct db *db, uint64_t account_id, uint64_t *ret);

// Puts the entry into the mailbox under its next UID and a new modseq, which it sets, and counts it in *m.
MUST_USE enum store_status mailbox_add_entry(struct db *db, struct mailbox_row *m, struct entry_row *entry);
// Takes it out and uncounts it; its body stays.
MUST_USE enum store_status mailbox_remove_entry(struct db *db, struct mailbox_row *m, const struct entry_row *entry);

// Stores a body that `refs` entries and letters will refer to.
MUST_USE enum store_status body_insert(struct db *db, const struct body_view *body, uint64_t refs, uint64_t *ret_id);
MUST_USE enum store_status body_ref(struct db *db, uint64_t id);
// The last reference removes the body, and its file after the commit.
MUST_USE enum store_status body_unref(struct db *db, uint64_t id);

// The hour, since 1970, that something new is dated: never before the one that expiry has come to, or what arrives
// while the clock is behind, as that of a machine that has just been switched on may be, would be old as soon as it is
// right.
int64_t arrival_hour(const struct db *db);

// Notes a change of this mailbox.
void mailbox_note(struct db *db, const struct mailbox_row *m, enum store_change_kind kind, uint64_t origin,
                  const uint32_t *uids, size_t n_uids);
// The same, of what is a delivery since then (struct store_change).
void mailbox_note_since(struct db *db, const struct mailbox_row *m, enum store_change_kind kind, uint64_t origin,
                        uint64_t since_us, const uint32_t *uids, size_t n_uids);
