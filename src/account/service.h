// SPDX-License-Identifier: MIT
// The inside of the account service, for the files of this folder and their tests.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "account/account.h"
#include "store/invitation_ops.h"

struct account_rates;
struct account_refusal;
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
    atomic_size_t n_underway;     // logins and offers not yet freed, cancelled ones included
    _Atomic uint64_t n_hash_jobs; // given to the workers since the start
    // The secret of invitations, once somebody has needed it and read it from the store.
    pthread_mutex_t secret_lock;
    bool has_secret;
    uint8_t secret[STORE_SECRET_LEN];
};

// False when it has not been read yet: then submit a store_secret of INVITE_SECRET_NAME and keep what it returns. Two
// who do so at once get the same.
MUST_USE bool account_service_secret(struct account_service *a, uint8_t ret[STORE_SECRET_LEN]);
void account_service_keep_secret(struct account_service *a, const uint8_t secret[STORE_SECRET_LEN]);

// Whether so many jobs wait for a worker that the next one had better come again; logged.
MUST_USE bool account_service_is_overloaded(struct account_service *a);
void account_service_log_refusal(struct account_service *a, const struct account_refusal *r);
