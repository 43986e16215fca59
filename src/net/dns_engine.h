// SPDX-License-Identifier: MIT
// A libunbound context on a loop: its options, its lookups. Private to net/dns. Loop thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/panic.h"
#include "base/slice.h"
#include "net/dns.h"

struct dns_engine;

struct dns_finding {
    enum {
        DNS_FINDING_ANSWER,  // `packet` holds a message
        DNS_FINDING_BOGUS,   // it does not validate; `why` says it in libunbound's words, "" when it does not say
        DNS_FINDING_FAILURE, // nothing usable came
        DNS_FINDING_DROPPED, // the engine was freed
    } kind;
    bool secure;
    struct slice packet; // valid during the call
    const char *why;
};

// Belongs to the engine from dns_engine_ask() until `done`, which owns it then. done() must not ask or free the engine.
struct dns_lookup {
    struct list link;
    struct dns_engine *engine;
    void (*done)(struct dns_lookup *lookup, const struct dns_finding *finding);
};

// `by_tcp`: never ask by UDP. NULL, with a static reason, when the settings are refused. Files are read with the first
// lookup.
MUST_USE struct dns_engine *dns_engine_new(const struct dns_settings *s, bool by_tcp, const char **ret_reason);
// Starts a lookup; done() may be called before this returns. False when libunbound cannot start at all (a malformed
// file, no memory for sockets); done() is not called then and the engine is of no more use.
MUST_USE bool dns_engine_ask(struct dns_engine *e, const char *name, uint16_t type, struct dns_lookup *lookup);
// Asks for a name that needs no name server, so that all files are read. False when they are malformed.
MUST_USE bool dns_engine_try(struct dns_engine *e);
// Answers all lookups with DNS_FINDING_DROPPED. NULL is accepted.
void dns_engine_free(struct dns_engine *e);
