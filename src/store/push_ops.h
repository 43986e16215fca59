// SPDX-License-Identifier: MIT
// Operations on pending pushes: device tokens (store/account_ops.h) whose gateway has still to be told that something
// came. A delivery (store_deliver, to a mailbox of ours) asks for one at every valid token of the account, in its own
// commit, unless it is the account's own copy (store_deliver_add_own). APPEND and COPY ask for none, nor does a message
// that was recognised as delivered before.
//
// A token has at most one row, whatever comes: who asks again while it waits, or while a request is under way, makes it
// due at once and its tries 0. A row holds the number of the token, when it was last asked for, how often it was tried
// and when to try next; nothing of an address or a message. It goes when it is settled, and with its token: when that
// is removed (410), makes room for a newer one, expires, or goes with its account.
//
// The process that has the store open is the only one that works on pushes, so nothing is claimed here: what is under
// way is known to the caller alone, and after a crash all of it simply waits. A request that was answered and not
// settled is sent again.
//
// Times are wall-clock milliseconds since 1970. A store that is opened with rows that were asked for, or are to be
// tried, later than is possible (the clock was wrong) makes them due at once. Rows that nobody has tried to send
// STORE_PUSH_STALE_MS after they were due are removed. Each operation but the last costs what it names or returns,
// never what waits.
#pragma once

#include "store/store.h"

enum {
    STORE_PUSH_LOAD_MAX = 256,   // rows that a load returns at most
    STORE_PUSH_SKIP_MAX = 1024,  // tokens under way that a load passes over
    STORE_PUSH_SETTLE_MAX = 256, // outcomes in one store_push_settle
    STORE_PUSH_STALE_MS = 6 * 3600 * 1000,
};

// Deliveries ask for pushes only while this is on. A store is opened with it off. Any thread, at any time; what is
// pending stays.
void store_set_push_enabled(struct store *s, bool enabled);

// Told after the commit, on the writer's thread: something is due now. One call for a group of writes, however many
// pushes they asked for; none for one that was undone.
typedef void store_on_push(void *arg);
// Before the first operation is submitted.
void store_set_on_push(struct store *s, store_on_push *on_push, void *arg);

struct store_push {
    uint64_t token_id; // never given out twice
    char *token;       // as the client set it
    int64_t asked_ms;  // when the newest delivery asked for it; the tries are counted from there
    uint32_t tries;    // that failed since then
};
// Frees what it owns.
void store_push_done(struct store_push *p);

// Pushes whose time has come: first at most `max_first` that were not tried yet, then at most `max_retries` of the
// others; of each kind, the one that has been due the longest comes first. READ.
//
// Tokens under way are the caller's to name (`store_push_load_skip`); they are not returned and not counted, and stay
// named until their settling is done. A load sees what was committed when it runs: nothing is settled that a load which
// is under way has not skipped.
struct store_push_load {
    struct store_op op;
    int64_t now_ms;
    size_t max_first, max_retries; // together at most STORE_PUSH_LOAD_MAX
    uint64_t *skip;
    size_t n_skip;
    struct store_push *ret_pushes; // a caller that keeps one zeroes it here
    size_t ret_n;
    bool ret_more_first, ret_more_retries; // there are more of these whose time has come
    int64_t ret_next_ms;                   // the first time after now_ms at which one comes; 0: there is none
};
struct store_push_load *store_push_load_new(int64_t now_ms, size_t max_first, size_t max_retries);
void store_push_load_skip(struct store_push_load *l, uint64_t token_id);

// What came of pushes, in one commit: all or nothing. WRITE. Each names the row by token_id and asked_ms as it was
// loaded. A row that is not there any more is passed over, and so are a token that is gone and its row. Whoever asked
// again meanwhile (later than `covered_ms`) is not lost: the row stays as that delivery left it, which is due, and
// store_on_push is called for it.
enum store_push_outcome {
    STORE_PUSH_DONE,  // told, or given up: the row goes
    STORE_PUSH_GONE,  // the token is dead: it goes with its row, whoever asked
    STORE_PUSH_RETRY, // at next_ms
};
struct store_push_settle_row {
    enum store_push_outcome outcome;
    uint64_t token_id;
    int64_t asked_ms, covered_ms, next_ms;
    uint32_t tries;
};
struct store_push_settle {
    struct store_op op;
    struct store_push_settle_row *rows;
    size_t n_rows;
};
struct store_push_settle *store_push_settle_new(void);
// At most STORE_PUSH_SETTLE_MAX of these. `covered_ms`: who asked until then is served by the request (INT64_MAX:
// everybody).
void store_push_settle_done(struct store_push_settle *s, uint64_t token_id, int64_t asked_ms, int64_t covered_ms);
void store_push_settle_gone(struct store_push_settle *s, uint64_t token_id);
void store_push_settle_retry(struct store_push_settle *s, uint64_t token_id, int64_t asked_ms, int64_t covered_ms,
                             int64_t next_ms, uint32_t tries);

// All in numbers, for the operator. READ; it counts rows.
struct store_push_total {
    struct store_op op;
    uint64_t ret_pending; // pushes
    uint64_t ret_retries; // of these, that were tried before
    uint64_t ret_tokens;  // of all accounts, expired ones that are not removed yet included
};
struct store_push_total *store_push_total_new(void);
