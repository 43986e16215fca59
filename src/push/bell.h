// SPDX-License-Identifier: MIT
// From any thread to the outbound loop: there is something to look at. Rung often, it runs once.
//
// Who rings may outlive the service by a little, and what was posted runs only when the loop is freed: so the bell is
// an object of its own, and the last of the two frees it.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct bell;
struct loop;

enum bell_reason {
    BELL_DUE,    // the store has something that is due
    BELL_CONFIG, // there is another configuration
    BELL_REASONS,
};

// on_rung() runs on the loop, once for each reason that there was.
struct bell *bell_new(struct loop *loop, void (*on_rung)(void *arg, enum bell_reason reason), void *arg);
// When nobody rings any more, and on the loop's thread or when that does not run.
void bell_free(struct bell *b);
// Any thread.
void bell_ring(struct bell *b, enum bell_reason reason);
