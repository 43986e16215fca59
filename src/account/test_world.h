// SPDX-License-Identifier: MIT
// For the tests of logins: a store in a temporary directory, a worker pool and an account service on them.
#pragma once

#include "account/service.h"
#include "config/config.h"
#include "net/worker.h"
#include "store/store.h"

struct test_world {
    char dir[64];
    struct config_holder *config;
    struct store *store;
    struct worker_pool *pool;
    struct loop *loop; // for test_login()
    struct account_service *accounts;
};

// The settings are "key=value" overrides; NULL-terminated, may be NULL. Resource limits are off unless set.
void test_world_start(struct test_world *w, const char *const *settings);
// As a restart of the relay: the same store, everything else anew.
void test_world_restart(struct test_world *w);
void test_world_stop(struct test_world *w);
void test_world_configure(struct test_world *w, const char *const *settings);

struct test_outcome {
    enum account_verdict verdict;
    uint64_t account_id, inbox_id;
    bool created, blocked;
    char address[400];
};
struct test_outcome test_outcome_of(const struct account_login_result *r);

// One login on w->loop, from 192.0.2.1, until it is answered.
struct test_outcome test_login(struct test_world *w, enum account_protocol protocol, const char *user,
                               const char *password);
// What stands in the store; "" when there is no such account.
struct test_record {
    char hash[513];
    int64_t last_login_day;
};
struct test_record test_read_record(struct test_world *w, const char *address);
// Does to the store's database what an operator's tool would.
void test_sql(struct test_world *w, const char *sql);
// 192.0.2.n
struct net_address test_peer(uint8_t n);
// Password jobs so far.
uint64_t test_hash_jobs(const struct test_world *w);
