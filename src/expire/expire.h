// SPDX-License-Identifier: MIT
// Expiry: a relay forgets by itself. Messages go by age, large ones earlier once a client had them, the oldest of a
// crowded mailbox, and accounts that nobody logs in to (store/expiry_ops.h says what is due, expire/bounds.h when).
//
// It runs all the time in small slices: every minute it asks the store for what is due, on a reader, and has it removed
// on the writer slice by slice with pauses between, so that mail is not held up however much there is. Nothing is
// planned ahead and nothing is in memory but the rows of one look; a crash costs nothing. Its own hour follows the wall
// clock with care (expire/trust.h).
//
// Bodies without an entry cannot come to be (the last entry takes the body, in one commit; verified by `martlet
// verify`); dead tokens, memories of accepted messages and stray files are looked after by the store itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config_holder;
struct expire;
struct loop;
struct store;

enum {
    EXPIRE_ROUND_MS = 60 * 1000, // between two looks
    EXPIRE_PAUSE_MS = 20,        // between two slices
};

struct expire_settings {
    struct config_holder *config; // delete_mails_after, delete_large_after, delete_inactive_users_after
    struct store *store;
    struct loop *loop; // all that follows is used on it alone
    // Whether the account has a session now: it is in use, though its last login may be long ago. Any thread. NULL:
    // none has.
    bool (*is_in_use)(void *arg, uint64_t account_id);
    void *arg;
};
struct expire *expire_new(const struct expire_settings *s);
void expire_start(struct expire *e);
// On the loop: at once; a slice that is under way ends by itself.
void expire_stop(struct expire *e);
// After the loop has stopped. NULL is accepted.
void expire_free(struct expire *e);
