// SPDX-License-Identifier: MIT
// What the tests of the push service share: a real store, a resolver and a gateway that answer as they are told, and
// clocks that stand until a test moves them. Include behind <cmocka.h>.
#pragma once

#include "push/fake_gateway.h"
#include "push/push_internal.h"
#include "queue/fake_dns.h"
#include "store/test_support.h"

struct stage {
    struct fixture store;
    struct config_holder *config;
    struct dns_resolver dns;
    struct push *push; // NULL between two runs
    uint64_t now_ms;   // of both clocks
};

// The configuration names `gateway` (NULL: none, but the default one can be found).
void stage_open(struct stage *s, const char *gateway);
// Says what is still under way.
void stage_close(struct stage *s);
// The end of a process at this very moment, and a new one on the same store.
void stage_crash(struct stage *s);
// Another configuration; the service hears of it in its next turn, or has when this returns.
void stage_reload(struct stage *s, const char *gateway);
void stage_configure(struct stage *s, const char *gateway);
void stage_use_zone(struct stage *s, const char *zone);

// An account with one token, which is its name.
uint64_t stage_account(struct stage *s, const char *name);
void stage_add_token(struct stage *s, uint64_t account, const char *token);
// A message arrives for this account.
void stage_deliver(struct stage *s, const char *name);

// Lets everything happen that needs neither the clock nor an answer of the gateway.
void stage_settle(struct stage *s);
// Moves both clocks.
void stage_wait(struct stage *s, uint64_t ms);
// What is under way, in the order of tokens: "a b". Static.
const char *stage_under_way(void);
// Answers all that is under way.
void stage_answer_all(struct stage *s, unsigned status);
void stage_fail_all(struct stage *s, enum http_outcome outcome);
// One that must be under way.
void stage_answer(struct stage *s, const char *token, unsigned status);
void stage_fail(struct stage *s, const char *token, enum http_outcome outcome);
// What waits in the store: "a 0 8000; " is the token, its tries and in how many ms it is due (0: it is). Static.
const char *stage_pending(struct stage *s);
// Changes the database behind the store's back.
void stage_sql(struct stage *s, const char *sql);

// The only push that waits: how often it was tried, and in how many ms it is due.
void stage_expect_one(struct stage *s, const char *token, unsigned want_tries, long long min_ms, long long max_ms);
// Accounts "t000", "t001" and so on; a message for each.
void stage_make_accounts(struct stage *s, const char *prefix, size_t n);
void stage_deliver_to(struct stage *s, const char *prefix, size_t n);
// The gateway is known to answer.
void stage_prove(struct stage *s);
