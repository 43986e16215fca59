// SPDX-License-Identifier: MIT
// A letter in memory: one due row of the store, from the moment it is loaded until its outcome is committed. It reads
// the message for the transport that carries it: the prefix first, then the body in chunks, never all of it at once.
//
// All letters in memory stand in one index by the number of their row, so that no row is ever in work twice. Outbound
// loop only.
#pragma once

#include "base/list.h"
#include "queue/transport.h"
#include "store/queue_ops.h"

enum { LETTER_CHUNK_MAX = 64 * 1024, LETTER_BUCKETS = 1024 };

struct letter_index {
    struct list buckets[LETTER_BUCKETS];
    size_t n;      // letters in memory
    size_t octets; // about what they take, bodies under way not counted
};
void letter_index_init(struct letter_index *index);
MUST_USE bool letter_index_has(const struct letter_index *index, uint64_t due_id);

// What came of one recipient.
enum letter_fate {
    LETTER_OPEN,  // not tried yet
    LETTER_TAKEN, // 2xx
    LETTER_LATER, // 4xx
    LETTER_NEVER, // 5xx, or given up
};
struct letter_outcome {
    enum letter_fate fate;
    char *reply; // owned; NULL while open
};

struct letter {
    struct transport_letter wire; // what a transport sees
    struct store_due due;
    struct letter_outcome *outcomes; // one for each recipient of the row
    bool give_up;                    // the operator does not want what is left tried again
    // The body could not be read: STORE_NOT_FOUND when the row is gone, anything else is our own trouble.
    enum store_status read_status;
    struct list link; // its owner's

    struct letter_index *index;
    struct list by_id;
    size_t octets;
    struct store *store;
    struct loop *loop;
    size_t *open;          // which recipients are in `wire`
    struct slice *open_at; // their addresses
    uint64_t offset;       // of the next octet to be read
    struct store_op *read;
    struct loop_task answer; // of a read that needs no store
    size_t answer_len;
    bool answer_posted, freed;
    void (*on_octets)(void *arg, struct slice octets);
    void *on_octets_arg;
};

// Takes over what `due` owns and zeroes it. The row must not be in the index yet.
struct letter *letter_new(struct letter_index *index, struct store *store, struct loop *loop, struct store_due *due);
// NULL is accepted; a read under way is cancelled.
void letter_free(struct letter *l);

// Prepares `wire` with the recipients that are open, to be read from the first octet; false when none is.
MUST_USE bool letter_prepare(struct letter *l);
// After the transport has done: takes over a reply for recipient `i` of `wire`. `host` (or NULL) is named in refusals.
void letter_take_reply(struct letter *l, size_t i, const char *host);
// The transport has finished with `wire`, or its channel was closed.
void letter_release(struct letter *l);

void letter_set_outcome(struct letter *l, size_t recipient, enum letter_fate fate, struct slice reply);
// The same for each recipient that is open.
void letter_set_rest(struct letter *l, enum letter_fate fate, struct slice reply);
size_t letter_count(const struct letter *l, enum letter_fate fate);
