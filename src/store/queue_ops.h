// SPDX-License-Identifier: MIT
// Operations on the outbound queue: letters that wait for other relays and mail servers. They come into it with
// store_deliver (store/message_ops.h), in the same commit as the local copies. Here is what the scheduler needs; what
// the operator does stands in store/queue_operator_ops.h.
//
// A letter is one accepted message: a reference to its body with the key, the octets to be sent before it, and the
// reverse-path. A due row is what one destination (a domain or an address literal) still has to get of it: the
// recipients that are left, and when to try again. A destination has a row while something is due to it: when it may be
// tried, and how it failed. What is gone from here is gone from the disk: the last due row takes the letter with it,
// and the last reference the body. Letters of an account that is blocked or deleted stay, for they were accepted; those
// of a deleted one forget whose they are, and only the reverse-path still says it.
//
// The process that has the store open is the only one that works on the queue, so nothing is claimed here: what is
// under way is known to the caller alone, and after a crash all of it simply waits. Between a peer's 250 and the commit
// of store_queue_settle a crash sends a second copy; there is no smaller window without the peer's help.
//
// Times are wall-clock seconds since 1970. A store that is opened with rows to be tried more than a day later (the
// clock was wrong when they were written) lets them be tried at once. The cost of each operation depends on the rows it
// names or returns, never on how much waits.
#pragma once

#include "store/message_ops.h"

enum {
    STORE_DESTINATION_MAX = 255,            // octets: a domain, or a literal in its brackets
    STORE_RECIPIENT_MAX = 512,              // octets
    STORE_REVERSE_PATH_MAX = 512,           // octets
    STORE_PREFIX_MAX = 32 * 1024,           // octets of header fields sent before the body
    STORE_REPLY_MAX = 1024,                 // octets of a reply or an error in words; longer ones are cut
    STORE_DUE_RECIPIENTS_MAX = 100,         // RFC 5321 4.5.3.1.8: what every server takes; more make another due row
    STORE_QUEUE_LOAD_OCTETS = 256 * 1024,   // store_queue_load.max_octets, unless set
    STORE_QUEUE_PAGE_MAX = 1000,            // rows that an operation returns at most
    STORE_SETTLE_MAX = 200,                 // due rows in one store_queue_settle
    STORE_QUEUE_DUES_MAX = 1000 * 1000,     // store_settings.queue_dues, when it is 0
    STORE_QUEUE_PER_SENDER_MAX = 10 * 1000, // store_settings.queue_per_sender, when it is 0
};

// ---- a due row with its letter ----

struct store_due {
    uint64_t id; // grows; never given out twice
    char *destination;
    uint64_t body_id;
    uint8_t body_key[32];
    uint64_t body_size;
    char *prefix; // sent before the body; not NUL-terminated
    size_t prefix_len;
    char *reverse_path; // "": <>
    uint32_t flags;     // store_deliver.letter_flags
    uint64_t sender_id; // account that submitted it; 0: none of ours, or it was deleted since
    int64_t created;
    uint32_t attempts; // that ended in a deferral of this row alone
    int64_t next_at;
    char *last_reply; // of the last of these; "" when none
    char **recipients;
    size_t n_recipients;
};
// A copy that owns what it holds; for rows that are lent (store_queue_news).
void store_due_copy(const struct store_due *d, struct store_due *ret);
// Frees what it owns and wipes the key.
void store_due_done(struct store_due *d);

// Reads a piece of the letter's body, as store_body_read_new() does for a message. STORE_NOT_FOUND: the row was settled
// meanwhile, and with it the body.
struct store_body_read *store_body_read_due_new(const struct store_due *d, uint64_t offset, size_t len);

// ---- news ----

// Told after the commit, on the writer's thread, in order of commit: something new is due to a destination, whichever
// loop accepted it, or the operator wants it tried again. `due` is the row as it was committed, borrowed for the call,
// so that a lane that has nothing else to do need not read it; it is NULL after store_queue_retry. `not_before`: the
// destination is deferred until then (0: it is not).
struct store_queue_news {
    const char *destination;
    int64_t not_before;
    const struct store_due *due;
};
typedef void store_on_queue(void *arg, const struct store_queue_news *news);
// Before the first operation is submitted.
void store_set_on_queue(struct store *s, store_on_queue *on_queue, void *arg);

// ---- destinations and their rows ----

struct store_destination {
    char *name;
    int64_t next_at;        // when something of it may be tried: the later of its own deferral and its first due row
    int64_t deferred_until; // by store_queue_defer; 0: it is not
    uint32_t attempts;      // failures in a row
    int64_t failing_since;  // of the first of these; 0: none
    char *last_error;       // of the last of these, in words; "" when none
    int64_t oldest;         // when the oldest letter was accepted
    uint64_t dues, recipients;
    uint64_t octets; // to be sent: of the letter of each due row, body included
};

// Destinations whose time has come, the longest waiting first. READ. Those with rows under way are among them. To read
// on, set after_next_at and after_name from the last one.
struct store_queue_destinations {
    struct store_op op;
    int64_t now;
    size_t max; // at most STORE_QUEUE_PAGE_MAX
    int64_t after_next_at;
    char after_name[STORE_DESTINATION_MAX + 1]; // "": from the beginning
    struct store_destination *ret_destinations;
    size_t ret_n;
    bool ret_more;
    int64_t ret_next_at; // the first time after `now` at which one comes; 0: there is none
};
struct store_queue_destinations *store_queue_destinations_new(int64_t now, size_t max);

// Due rows of one destination whose own time has come, in the order in which they became due: new ones in order of
// acceptance, deferred ones by the time set for them. The destination's own deferral is not looked at. READ.
//
// Stops after `max` rows or `max_octets` of what they hold (bodies do not count; at least one row is returned).
//
// Rows under way are the caller's to name (`store_queue_load_skip`); they are not returned and not counted. A load sees
// what was committed when it runs: while one is under way, the caller takes no row of this destination from
// store_queue_news (`ret_more` or the next load brings it), and settles nothing that it has not skipped.
struct store_queue_load {
    struct store_op op;
    char *destination;
    int64_t now; // INT64_MAX: whenever their time comes
    size_t max;  // at most STORE_QUEUE_PAGE_MAX
    size_t max_octets;
    uint64_t *skip;
    size_t n_skip;
    struct store_due *ret_dues; // a caller that keeps one zeroes it here
    size_t ret_n;
    bool ret_more;       // there are more whose time has come
    int64_t ret_next_at; // otherwise when the next one comes; 0: nothing else waits
};
struct store_queue_load *store_queue_load_new(struct slice destination, int64_t now, size_t max);
void store_queue_load_skip(struct store_queue_load *l, uint64_t due_id);

// Due rows of letters accepted before `created_before`, which want their bounce now: by destination, the one with the
// oldest letter first. READ. Rows under way are skipped, as in a load.
struct store_queue_expired {
    struct store_op op;
    int64_t created_before;
    size_t max; // at most STORE_QUEUE_PAGE_MAX
    uint64_t *skip;
    size_t n_skip;
    struct store_due *ret_dues;
    size_t ret_n;
    bool ret_more;
    int64_t ret_oldest; // when the oldest letter of the queue was accepted; 0: the queue is empty
};
struct store_queue_expired *store_queue_expired_new(int64_t created_before, size_t max);
void store_queue_expired_skip(struct store_queue_expired *e, uint64_t due_id);

// What came of due rows, in one commit: all or nothing. WRITE. For each: the recipients that are left, of which none
// means that the row goes (everybody has it, or failed for good); and a bounce that is delivered in the same commit.
// A row that is not there any more is passed over with its bounce; ret_found tells.
struct store_settle_due {
    uint64_t due_id;
    char **left;
    size_t n_left;
    int64_t next_at; // for those that are left; its attempts are counted up
    char *reply;
    struct store_deliver *bounce; // owned
    bool ret_found;
};
struct store_queue_settle {
    struct store_op op;
    struct store_settle_due *dues;
    size_t n_dues;
    // The destinations of these rows have answered: as store_queue_alive, in the same commit.
    bool alive;
};
struct store_queue_settle *store_queue_settle_new(void);
// Adds a row with nobody left; at most STORE_SETTLE_MAX. The index to give to the others.
size_t store_queue_settle_add(struct store_queue_settle *s, uint64_t due_id);
// This recipient is left, until next_at, because of this reply. Called once for each.
void store_queue_settle_keep(struct store_queue_settle *s, size_t i, struct slice recipient, int64_t next_at,
                             struct slice reply);
// Takes over the delivery, whose body must be finished: to the sender's INBOX (store_deliver_add_account(), so that
// nobody gets it who has the address by now), or as a letter. It is not subject to the bounds of the queue, and a
// recipient that does not take it (gone, blocked, full) does not hinder the settling; its outcome stands in it.
void store_queue_settle_bounce(struct store_queue_settle *s, size_t i, struct store_deliver *bounce);

// The destination could not be reached: none of its rows is tried before next_at. WRITE; one row is written, however
// many letters wait. STORE_NOT_FOUND: nothing waits for it.
struct store_queue_defer {
    struct store_op op;
    char *destination;
    int64_t now, next_at;
    char *error;
    uint32_t ret_attempts; // failures in a row, with this one
};
struct store_queue_defer *store_queue_defer_new(struct slice destination, int64_t now, int64_t next_at,
                                                struct slice error);

// The destination answered: its failures and its deferral are forgotten. WRITE, but nothing is written when there is
// nothing to forget. STORE_OK also when nothing waits for it.
struct store_queue_alive {
    struct store_op op;
    char *destination;
};
struct store_queue_alive *store_queue_alive_new(struct slice destination);
