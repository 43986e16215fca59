// SPDX-License-Identifier: MIT
// The name servers of a zone: found by its NS records through the resolver, not by the name in its SOA, which may be a
// primary that nobody reaches; and asked themselves, so that no cache stands between. Blocks; for commands.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/dns.h"

struct config;

enum { DNS_SERVERS_MAX = 8, DNS_SERVERS_ERROR_MAX = 512, DNS_SERVERS_TIMEOUT_MS = 1500, DNS_SERVERS_DIR_SIZE = 4096 };

struct dns_server {
    char name[DNS_NAME_SIZE];
    struct net_address address; // one that answers
    const char *trouble;        // NULL: it serves the zone; else why not, static
    unsigned n_silent;          // questions in a row that it has not answered
};

struct dns_servers {
    struct loop *loop;
    struct dns_resolver *resolver;
    char anchor_dir[DNS_SERVERS_DIR_SIZE]; // of the resolver's own root keys; "": none
    bool is_dir_ours;
    char zone[DNS_NAME_SIZE];
    struct dns_server list[DNS_SERVERS_MAX];
    size_t n, n_usable;
    uint64_t until_ms; // when asking ends, in monotonic time
};

// Finds them, and tries each. False with a sentence when the DNS does not say which they are, or none of them serves
// the zone; ret->list holds what was found all the same. dns_servers_done() in any case. `anchor_dir` is where the
// resolver keeps its root keys meanwhile; NULL: in a directory of its own, which goes.
MUST_USE bool dns_servers_find(const struct config *c, const char *domain, const char *anchor_dir,
                               struct dns_servers *ret, char ret_error[DNS_SERVERS_ERROR_MAX]);
// What one of them says. Where the name is an alias that leads out of its zone, or is delegated to other servers, the
// resolver is asked what stands there; its failure is told with the name that the alias leads to. *ret is freed with
// free(); NULL: no usable answer. A server that does not answer several times in a row gets its `trouble` and is not
// asked again, nor is any after some minutes.
void dns_servers_ask(struct dns_servers *s, struct dns_server *server, const char *name, uint16_t type,
                     struct dns_answer **ret);
// A zeroed struct is accepted.
void dns_servers_done(struct dns_servers *s);
