// SPDX-License-Identifier: MIT
// The inside of the account service, for the files of this folder and their tests.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "account/account.h"

struct account_rates;
struct account_resources;
struct account_verified;

// Keeps strangers from filling the log: one line a second of a kind.
struct account_notice {
    _Atomic uint64_t last_ms; // monotonic; 0: never
};
MUST_USE bool account_notice_is_due(struct account_notice *n);

struct account_service {
    struct config_holder *config;
    struct store *store;
    struct worker_pool *crypt;
    // Each of these is safe to use from any thread.
    struct account_verified *verified;
    struct account_rates *rates;
    struct account_resources *resources;
    struct account_notice shortage_notice, backlog_notice;
    atomic_size_t n_logins;       // not yet freed, cancelled ones included
    _Atomic uint64_t n_hash_jobs; // given to the workers since the start
};
