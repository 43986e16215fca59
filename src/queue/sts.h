// SPDX-License-Identifier: MIT
// The MTA-STS policies of other domains (RFC 8461): kept in the store, fetched when none is known, looked at again now
// and then. On the outbound loop.
//
// A policy that is known counts at once and until its max_age is over, whatever the domain's servers say or do not say
// meanwhile; behind that answer the record is asked for again (at most every STS_MEMORY_MS) and the policy fetched when
// its id has changed or it is a day old. Where none is known, the answer waits for the domain's record, and for the
// policy if the record says there is one, STS_FIRST_WAIT_MS at most; the fetch goes on behind that. "None" is
// remembered in memory, for STS_MEMORY_MS.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/loop.h"
#include "store/sts_ops.h"

struct config_holder;
struct dns_resolver;
struct http_client;
struct store;
struct sts;
struct sts_request;

enum {
    STS_FIRST_WAIT_MS = 10 * 1000,
    STS_MEMORY_MS = 5 * 60 * 1000, // RFC 8461 section 3.3: fetches no more often than that
    STS_MEMORY_MAX = 4096,         // domains
    STS_REFRESH_S = 24 * 60 * 60,
    STS_JOBS_MAX = 512, // domains that are asked at a time
};

struct sts_settings {
    struct config_holder *config;
    struct loop *loop;
    struct dns_resolver *dns;
    struct http_client *http;
    struct store *store;
    uint32_t first_wait_ms; // 0: STS_FIRST_WAIT_MS
};
struct sts *sts_new(const struct sts_settings *s);
// After the last request has ended; gives up fetches. NULL is accepted.
void sts_free(struct sts *s);
// Domains that are being asked.
size_t sts_jobs(const struct sts *s);

struct sts_answer {
    enum store_sts_mode mode; // STORE_STS_NONE also when there is no policy
    struct slice mx;          // patterns, see mta_sts_allows(); valid during the call
    bool is_late;             // a fetch is still under way: ask again soon
};
// done() in a later turn, exactly once unless cancelled.
struct sts_request *sts_find(struct sts *s, struct slice domain, void (*done)(void *arg, const struct sts_answer *a),
                             void *arg);
// NULL is accepted.
void sts_cancel(struct sts_request *r);
// Mail could not go because of this domain's policy: it is fetched anew with the next question, whatever its id says
// (RFC 8461 section 5.1).
void sts_suspect(struct sts *s, struct slice domain);
