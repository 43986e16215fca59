// SPDX-License-Identifier: MIT
// Asks one domain for its MTA-STS policy (RFC 8461 section 3): the TXT record, and the policy by HTTPS when that says
// there is one we do not have. On the outbound loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/dns.h"
#include "net/http_client.h"
#include "queue/address_lookup.h"
#include "queue/mta_sts.h"

enum { STS_FETCH_MS = 60 * 1000 }; // of the HTTPS request (RFC 8461 section 3.3)

// What the fetches of a process share. At most STS_FETCH_RUNNING_MAX talk HTTPS at a time; the others wait.
enum { STS_FETCH_RUNNING_MAX = 16 };
struct sts_fetch_world {
    struct dns_resolver *dns;
    struct loop *loop;
    struct http_client *http;
    size_t n_running;
    struct list waiting; // struct sts_fetch, by `link`
};

enum sts_fetch_result {
    STS_FETCH_POLICY,    // fetched: `id`, `policy`
    STS_FETCH_UNCHANGED, // the record names the id that is known
    STS_FETCH_NONE,      // the domain says that it has none
    STS_FETCH_FAILED,    // cannot be told, or the policy cannot be had or is malformed
};

// Embedded in the asker's struct; zeroed before the first use.
struct sts_fetch {
    // Results.
    enum sts_fetch_result result;
    char id[STORE_STS_ID_MAX + 1];
    struct mta_sts_policy *policy; // of STS_FETCH_POLICY; freed by sts_fetch_done()

    // Its own.
    struct sts_fetch_world *world;
    char host[DNS_NAME_SIZE]; // mta-sts.<domain>
    char known_id[STORE_STS_ID_MAX + 1];
    uint16_t port;
    bool use_ipv6, is_running;
    struct dns_query query;
    struct address_lookup addresses;
    struct http_call *call;
    struct list link;
    void (*done)(void *arg, struct sts_fetch *f);
    void *arg;
};

struct sts_fetch_how {
    struct slice domain;
    const char *known_id; // "": fetch in any case
    uint16_t port;        // of HTTPS
    bool use_ipv6;
};
// done() in a later turn, exactly once unless sts_fetch_done() comes before.
void sts_fetch_start(struct sts_fetch *f, struct sts_fetch_world *w, const struct sts_fetch_how *how,
                     void (*done)(void *arg, struct sts_fetch *f), void *arg);
// Gives up what is under way and frees what it holds, but not the struct. Also within done().
void sts_fetch_done(struct sts_fetch *f);
