// SPDX-License-Identifier: MIT
// The hub wakes sessions: after each commit the store tells it what happened to a mailbox, and it tells every watcher
// of that mailbox, on the watcher's loop, in the order of the commits. There is no polling anywhere.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"
#include "store/store.h"

struct hub;

// At most 64 loops.
struct hub *hub_new(struct loop *const *loops, size_t n_loops);
// After the store is closed and the loops are freed (they run what was posted to them before): nobody watches any more.
void hub_free(struct hub *h);

// Embedded in whoever watches; touched by its loop's thread alone.
struct hub_watcher {
    struct list link;
    struct loop *loop;   // set by the owner, like on_change, before it watches
    uint64_t mailbox_id; // 0: not watching
    // The change is valid during the call. The watcher may unwatch itself or others within it.
    void (*on_change)(struct hub_watcher *w, const struct store_change *change);
};
// On the watcher's loop. Watch before reading the mailbox: no change is missed then (some may be told twice).
void hub_watch(struct hub *h, struct hub_watcher *w, uint64_t mailbox_id);
// Harmless when not watching.
void hub_unwatch(struct hub *h, struct hub_watcher *w);

// Any thread: the callback for store_set_on_change(); arg is the hub.
void hub_publish(void *hub, const struct store_change *change);
