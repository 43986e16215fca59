// SPDX-License-Identifier: MIT
// One look at the DNS: every name server of the zone is asked for every record that the relay wants, and each record
// gets the worst that any of them says. Blocks, for up to minutes; for commands and helpers.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "martlet/dns/servers.h"
#include "zone/compare.h"
#include "zone/record.h"

struct config;

// Exit statuses of `martlet dns --check`.
enum {
    DNS_LOOK_RIGHT = 0, // all that is required
    DNS_LOOK_TROUBLE = 1,
    DNS_LOOK_UNKNOWN = 2, // the name servers could not be asked
};

struct dns_result {
    struct zone_finding finding;
    const char *server; // whose finding it is; NULL while none was asked
    bool servers_differ;
};

struct dns_look {
    const struct zone *zone;                             // borrowed
    const struct zone_record *records[ZONE_RECORDS_MAX]; // those that are looked for
    size_t n;
    struct dns_result results[ZONE_RECORDS_MAX]; // of each record
    struct dns_servers servers;
};

// Nothing is asked yet: all is unknown.
struct dns_look *dns_look_new(const struct zone *z);
// Once. `anchor_dir` as for dns_servers_find(). False with a sentence when nobody could be asked.
MUST_USE bool dns_look_ask(struct dns_look *l, const struct config *c, const char *anchor_dir,
                           char ret_error[DNS_SERVERS_ERROR_MAX]);
// What the look comes to.
int dns_look_status(const struct dns_look *l);
void dns_look_free(struct dns_look *l);
