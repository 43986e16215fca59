// SPDX-License-Identifier: MIT
// What the tests of the queue share: a real store, a queue over fake peers, and a clock that stands until a test moves
// it. Include behind <cmocka.h>.
#pragma once

#include "queue/fake_peers.h"
#include "queue/queue_internal.h"
#include "store/queue_support.h"
#include "store/test_support.h"

enum { STEPS_MAX = 120 * 1000 }; // of half a millisecond or more: a minute, after which a test hangs

struct stage {
    struct fixture store;
    struct peers peers;
    struct config_holder *config;
    struct queue *q;
    uint64_t sender; // account alice@relay.test
    int64_t now;     // of both clocks, seconds
};

void stage_open(struct stage *s);
void stage_close(struct stage *s);
// The end of a process, at whatever moment: what was submitted to the store is committed, all else is forgotten. The
// store is opened again.
void stage_drop_queue(struct stage *s);
// Begins anew with a queue on the same store.
void stage_new_queue(struct stage *s, size_t max_lanes);
// Moves both clocks, second by second, with a tick at each.
void stage_wait(struct stage *s, unsigned seconds);
// Lets everything happen that needs no clock: until `what` is so, or for ten seconds. Whether it is.
bool stage_until(struct stage *s, bool (*what)(struct stage *s));
// Until nothing is under way any more that ends by itself.
void stage_settle(struct stage *s);
bool stage_is_still(struct stage *s);

// A letter of alice's with a signature before it; the number of the due row of its first recipient.
uint64_t stage_send(struct stage *s, const char *recipients);
uint64_t stage_send_as(struct stage *s, uint64_t sender, const char *reverse_path, const char *recipients);
// All that is in the queue: list_text(), without times.
const char *stage_queue(struct stage *s);
// Alice's INBOX: how many messages, and the text of the last one.
size_t stage_inbox(struct stage *s, char *ret_last, size_t size);
