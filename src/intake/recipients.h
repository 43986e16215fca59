// SPDX-License-Identifier: MIT
// The recipients of one transaction: in order of arrival, each mailbox once. Lives in the transaction's arena.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/panic.h"
#include "base/slice.h"
#include "mail/address.h"

struct recipient {
    struct slice given; // as the sender wrote it; a bounce names it so
    // Unique. Local: lower case without +detail; remote: as it is given to the peer, the domain as in `destination`.
    struct slice mailbox;
    bool is_local;
    struct slice destination; // domain_canonical() of a remote one; empty when there can be no such domain
    // Set when it cannot be delivered: enhanced status and the SMTP reply that says why (RFC 3464). Empty otherwise.
    struct slice failed_status, failed_reply;
};

// Zeroed is empty.
struct recipients {
    struct recipient *list;
    size_t n, n_local, n_remote; // what is neither has no destination
    size_t capacity;
    uint16_t *slots; // open addressing: index + 1 into list; twice the capacity
};

enum recipients_result { RECIPIENTS_ADDED, RECIPIENTS_KNOWN, RECIPIENTS_TOO_MANY };

// Adds `a` (copied into the arena) unless its mailbox is there already. `domain` is our mail domain, in lower case.
MUST_USE enum recipients_result recipients_add(struct recipients *r, struct arena *arena, const struct address *a,
                                               struct slice domain, size_t max);
// The recipient whose mailbox is the one of `a`; NULL: there is none.
const struct recipient *recipients_find(const struct recipients *r, const struct address *a, struct slice domain);
void recipients_done(struct recipients *r);
