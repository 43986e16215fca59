// SPDX-License-Identifier: MIT
// Operations on messages: delivery, reading, flags, copying, expunging.
#pragma once

#include "base/buf.h"
#include "store/body.h"
#include "store/store.h"

// System flags (RFC 3501 2.3.2). Keywords are kept as one string: sorted, unique, separated by a space.
enum {
    STORE_FLAG_SEEN = 1 << 0,
    STORE_FLAG_ANSWERED = 1 << 1,
    STORE_FLAG_FLAGGED = 1 << 2,
    STORE_FLAG_DELETED = 1 << 3,
    STORE_FLAG_DRAFT = 1 << 4,
};
enum { STORE_KEYWORDS_MAX = 1024 }; // octets of all keywords of one message

// ---- delivery ----

enum store_delivery_outcome {
    STORE_DELIVERED,
    STORE_DUPLICATE, // the same was delivered within the last day; counts as delivered
    STORE_UNKNOWN,   // no such account, or it is blocked
    STORE_OVERQUOTA, // the mailbox is full
};
struct store_delivery {
    char *address;       // lower-cased, without +detail; "" when it is addressed by number:
    uint64_t account_id; // 0: by address
    bool is_own;         // it is the author's own copy
    enum store_delivery_outcome ret_outcome;
    uint64_t ret_account_id; // when delivered
    uint32_t ret_uid;
};

enum store_remote_outcome {
    STORE_QUEUED,
    STORE_REMOTE_DUPLICATE, // the same was accepted for this recipient within the last day; counts as queued
};
struct store_remote {
    char *destination; // lower-cased: a domain in A-labels, or an address literal in its brackets
    char *recipient;   // as it is given to the peer
    enum store_remote_outcome ret_outcome;
    uint64_t ret_due_id; // when queued; recipients of one destination share it (store/queue_ops.h)
};

// Puts one finished body into the INBOX of each local recipient and into the queue for each remote one, in one commit.
// One body however many recipients. WRITE. STORE_OK when it was processed, whatever the outcomes; when no recipient
// took it, no body is kept. `dedup` is the hash of what makes the transaction the same when it is sent again
// (reverse-path, Message-ID, body digest); the store mixes in its own key and the mailbox, or the remote recipient,
// commits it with the delivery and remembers it for a day. Nothing was done when it is not STORE_OK: STORE_NOT_FOUND:
// the sender's account is blocked or gone, though its session may have begun before that; STORE_FULL: the disk, or the
// queue as a whole, is full; STORE_BACKLOG: too many recipients of this sender are waiting in the queue;
// STORE_INVALID: the body is not finished, or something for the queue is longer than it may be.
struct store_deliver {
    struct store_op op;
    struct store_body *body;
    uint8_t dedup[32];
    uint32_t flags;
    uint64_t sender_id; // account that submits it; 0: none of ours
    uint64_t since_us;  // monotonic: when its last octet had come; 0: unknown
    struct store_delivery *deliveries;
    size_t n_deliveries;
    // for the queue:
    struct store_remote *remotes;
    size_t n_remotes;
    char *prefix;
    size_t prefix_len;
    char *reverse_path;
    uint32_t letter_flags;
};
// Takes over the caller's reference to the body, as store_append_new() does: the caller does not free it any more, and
// store_op_free() frees it with the operation.
struct store_deliver *store_deliver_new(struct store_body *body, const uint8_t dedup[32]);
void store_deliver_add(struct store_deliver *d, struct slice address);
// The same, for whom the message is from: no push is asked for at its own devices (store/push_ops.h).
void store_deliver_add_own(struct store_deliver *d, struct slice address);
// The INBOX of an account by its number.
void store_deliver_add_account(struct store_deliver *d, uint64_t account_id);
void store_deliver_add_remote(struct store_deliver *d, struct slice destination, struct slice recipient);
// What the queue needs to know once there is a remote recipient: the octets to be sent before those of the body (header
// fields, each with its CRLF), the reverse-path ("": <>), and flags that mean something to the queue alone.
void store_deliver_set_letter(struct store_deliver *d, struct slice prefix, struct slice reverse_path,
                              uint32_t letter_flags);

// IMAP APPEND. WRITE. STORE_NOT_FOUND when there is no such mailbox, STORE_QUOTA.
struct store_append {
    struct store_op op;
    struct store_body *body;
    uint64_t account_id;
    char *mailbox;
    uint32_t flags;
    char keywords[STORE_KEYWORDS_MAX + 1];
    int64_t internal_date; // seconds since 1970; 0: now
    uint64_t origin;
    uint32_t ret_uid_validity, ret_uid;
};
struct store_append *store_append_new(struct store_body *body, uint64_t account_id, struct slice mailbox);

// ---- reading ----

// A set of UIDs: ascending, non-overlapping, inclusive ranges.
struct store_uid_range {
    uint32_t first, last;
};

enum store_fetch_want {
    STORE_FETCH_META = 0,        // always: uid, flags, keywords, size, date, modseq
    STORE_FETCH_HEADER = 1 << 0, // the header with its closing blank line (at most STORE_HEADER_MAX octets)
    STORE_FETCH_BODY = 1 << 1,   // everything, when it is stored inline; larger ones are read with store_body_read
};
enum { STORE_HEADER_MAX = 256 * 1024 };

struct store_message {
    uint32_t uid;
    uint32_t flags;
    char *keywords; // "" when none
    uint64_t size;
    int64_t internal_date;
    uint64_t modseq;
    uint64_t body_id;
    uint8_t body_key[32];
    bool is_inline;
    char *data; // what was wanted and is available: header or whole body; NULL otherwise
    size_t data_len;
};

// Reads the messages of the ranges in ascending order of UID, at most max_messages, and stops after `max_octets` of
// data (at least one message is returned). ret_more: call again from the last UID + 1. READ. A message whose body is
// damaged has no data. store_fetch_new() sets the two limits to those below.
enum { STORE_FETCH_MESSAGES = 1000, STORE_FETCH_OCTETS = 1024 * 1024 };
struct store_fetch {
    struct store_op op;
    uint64_t mailbox_id;
    struct store_uid_range *ranges;
    size_t n_ranges;
    uint32_t want;
    size_t max_messages, max_octets;
    struct store_message *ret_messages;
    size_t ret_n_messages;
    bool ret_more;
};
struct store_fetch *store_fetch_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges,
                                    uint32_t want);

// Reads a piece of a body of any size. READ. ret_data_len is less than `len` only at the end of the body.
// STORE_NOT_FOUND when the message was expunged meanwhile.
enum { STORE_BODY_READ_MAX = 256 * 1024 };
struct store_body_read {
    struct store_op op;
    uint64_t body_id;
    uint8_t body_key[32];
    uint64_t offset;
    size_t len; // at most STORE_BODY_READ_MAX
    char *ret_data;
    size_t ret_data_len;
};
struct store_body_read *store_body_read_new(const struct store_message *m, uint64_t offset, size_t len);

// ---- changing ----

enum store_flags_mode { STORE_FLAGS_REPLACE, STORE_FLAGS_ADD, STORE_FLAGS_REMOVE };
struct store_flags_result {
    uint32_t uid;
    uint32_t flags;
    char *keywords;
    uint64_t modseq;
};
// IMAP STORE. WRITE. UIDs that are not there are skipped. ret_results holds the new state of each message of the
// ranges. STORE_NOT_FOUND: no such mailbox. STORE_INVALID: more keywords than a message can have. Many are changed in
// pieces, each committed for itself, and other writes run between them; what fails in the end may have changed some.
struct store_flags {
    struct store_op op;
    uint64_t mailbox_id;
    struct store_uid_range *ranges;
    size_t n_ranges;
    enum store_flags_mode mode;
    uint32_t flags;
    char keywords[STORE_KEYWORDS_MAX + 1];
    uint64_t origin;
    struct store_flags_result *ret_results;
    size_t ret_n_results;
};
struct store_flags *store_flags_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges);

// Removes the messages of the ranges that carry \Deleted (n_ranges 0: all of the mailbox that do). WRITE. Many are
// removed in pieces, each committed for itself, and other writes run between them. ret_uids are those of the last
// piece; the others are announced with origin 0, to the submitter as to everybody, before done() is called, whether it
// fails in the end or not.
struct store_expunge {
    struct store_op op;
    uint64_t mailbox_id;
    struct store_uid_range *ranges;
    size_t n_ranges;
    uint64_t origin;
    uint32_t *ret_uids; // ascending
    size_t ret_n_uids;
};
struct store_expunge *store_expunge_new(uint64_t mailbox_id, const struct store_uid_range *ranges, size_t n_ranges);

enum { STORE_COPY_MAX = 10000 }; // messages that one operation copies or moves

// IMAP COPY and MOVE to a mailbox of the same account. WRITE. STORE_NOT_FOUND: no such target; STORE_TOO_MANY. All or
// nothing.
struct store_copy {
    struct store_op op;
    uint64_t account_id;
    uint64_t mailbox_id;
    struct store_uid_range *ranges;
    size_t n_ranges;
    char *target;
    bool move;
    uint64_t origin;
    uint32_t ret_uid_validity;
    uint32_t *ret_from_uids, *ret_to_uids; // pairs, ascending
    size_t ret_n_uids;
};
struct store_copy *store_copy_new(uint64_t account_id, uint64_t mailbox_id, const struct store_uid_range *ranges,
                                  size_t n_ranges, struct slice target, bool move);
