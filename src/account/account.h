// SPDX-License-Identifier: MIT
// Who may log in: accounts come into being by their first login, race-free across IMAP and SMTP. Hashing runs on worker
// threads; a table of verified logins (keyed by a secret of this process, bound to the stored hash) spares the hash
// afterwards. No artificial delay, no lock-out. A password has at most 511 octets, which is what crypt(3) takes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/loop.h"

struct account_service;
struct config_holder;
struct store;
struct worker_pool;

struct account_service *account_service_new(struct config_holder *config, struct store *store,
                                            struct worker_pool *crypt);
// After the last login has ended: sessions are gone, the worker pool is freed, the loops have run dry.
void account_service_free(struct account_service *a);

enum account_verdict {
    ACCOUNT_OK,
    ACCOUNT_DENIED,      // wrong password, or creation refused: the reply must not tell which
    ACCOUNT_UNAVAILABLE, // trouble of ours: the reply must not contain "authentication"
};
enum account_protocol { ACCOUNT_IMAP, ACCOUNT_SUBMISSION };

struct account_login_result {
    enum account_verdict verdict;
    uint64_t account_id;
    uint64_t inbox_id;
    bool created;
    bool blocked;        // may not send (submission answers 550 5.7.1 at end of DATA)
    const char *address; // normalised; valid during the callback
};
struct account_login;
// Begins a login; `user` and `password` are copied (and wiped). on_done is called on the loop in a later turn, exactly
// once unless cancelled. An IMAP login records the day.
struct account_login *account_login_start(struct account_service *a, struct loop *loop, enum account_protocol protocol,
                                          struct slice user, struct slice password, const struct net_address *peer,
                                          void (*on_done)(void *arg, const struct account_login_result *r), void *arg);
// The session dies; on_done will not be called.
void account_login_cancel(struct account_login *l);

// GCRA per sender (generic cell rate algorithm): takes one unit. False when the sender is over its rate; *ret_wait_s
// says when to retry.
MUST_USE bool account_send_allowed(struct account_service *a, uint64_t account_id, uint32_t *ret_wait_s);
