// SPDX-License-Identifier: MIT
// The resolver of the process: validating (DNSSEC, RFC 4035), built on libunbound. It asks the name servers itself,
// from the root down, or the resolvers that the operator names; it never reads /etc/resolv.conf or /etc/hosts and knows
// no search domains. Failures and "no such name" are not remembered, so a mended domain works at once; answers are kept
// for their time to live in a small cache.
//
// All work is done on one loop, the resolver's own, without a thread of its own; the state behind it comes into being
// with the first query and goes again when it has been idle for long. A query may be submitted from any loop and
// completes on the loop it came from.
//
// Names are ASCII (RFC 5890 A-labels), without a dot at the end, in any case.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/loop.h"

struct dns_resolver;

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_MX = 15,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    DNS_TYPE_TLSA = 52,
    DNS_TYPE_CAA = 257,
};

enum dns_status {
    DNS_OK,       // at least one record
    DNS_NODATA,   // the name is there (or a name below it), without a record of this type
    DNS_NXDOMAIN, // there is no such name; also at once for what can be no name of the public DNS
    DNS_FAILED,   // no usable answer: timeout, refusal, unreachable, too much under way. Temporary
    DNS_BOGUS,    // an answer that does not prove itself: forged, a broken zone, or this host's clock. Temporary
};

enum {
    DNS_NAME_SIZE = 254,               // text of a name and NUL (RFC 1035 2.3.4)
    DNS_RECORDS_MAX = 128,             // what an answer has beyond this is left out
    DNS_ANSWER_OCTETS_MAX = 64 * 1024, // rdata of all records together, names in it expanded
};

struct dns_answer {
    enum dns_status status;
    bool secure;      // proven by DNSSEC, also what is not there: NXDOMAIN and NODATA
    uint32_t ttl;     // seconds: the shortest of the records and aliases; 0 when there is no record
    const char *name; // where the aliases (CNAME) led, lower case; the name asked for when there is none
    // Raw rdata (RFC 1035 3.3), names in it not compressed; see net/dns_record.h. In the order of the answer.
    size_t n_records;
    const struct slice *records;
};

// `answer` and all it points to is valid during the call.
typedef void dns_on_answer(void *arg, const struct dns_answer *answer);

struct dns_settings {
    struct loop *loop; // the resolver's own loop
    // The root's keys, kept current by RFC 5011. Made from the built-in keys when it is not there, when it cannot be
    // read as such, or when this program brings other keys than the one that made it (remembered in a file beside it,
    // "<anchor_file>.origin"). Its directory must stay writable. "" when trust_anchor_file is given.
    const char *anchor_file;
    const char *trust_anchor_file; // DS or DNSKEY records of any zones, in place of anchor_file; "" for none
    const char *root_hints_file;   // a zone file with the root servers, in place of the built-in ones; "" for none
    const char *const *forwarders; // NULL-terminated "address" or "address@port"; NULL or empty: ask from the root down
    bool use_ipv4, use_ipv6;       // transports; at least one. What the host does not have is passed over by itself
    bool is_passive;               // asks nothing on its own account: the root's keys are not looked at every day
    uint32_t timeout_ms;           // of a query in all, from submission; 0: DNS_TIMEOUT_MS
    uint32_t idle_ms;              // without a query, until the state goes; 0: DNS_IDLE_MS
    size_t running_max;            // queries under way; 0: DNS_RUNNING_MAX
    size_t waiting_max;            // more that wait in order; 0: DNS_WAITING_MAX
    // Something that an operator should know, once until it has ended: e.g. that the clock must be wrong because even
    // the root's signatures are not valid. On the resolver's loop; `sentence` is static. May be NULL.
    void (*on_notice)(void *arg, const char *sentence);
    void *notice_arg;
};

enum {
    DNS_TIMEOUT_MS = 20 * 1000,
    DNS_IDLE_MS = 3600 * 1000,
    DNS_RUNNING_MAX = 256,
    DNS_WAITING_MAX = 8192,
};

// Copies the settings. Any thread, before the loops run. NULL, with a sentence, when a file cannot be read or made; the
// sentence is valid until the next call.
MUST_USE struct dns_resolver *dns_resolver_new(const struct dns_settings *s, const char **ret_error);
// On the resolver's loop, or after it has ended and before it is freed: lets go of all sockets; every query that is
// under way and every later one is answered DNS_FAILED. Idempotent.
//
// At the end of a program: all loops end; dns_resolver_stop(); the resolver's loop is freed; then the others, on which
// the last answers arrive; dns_resolver_free().
void dns_resolver_stop(struct dns_resolver *r);
// NULL is accepted.
void dns_resolver_free(struct dns_resolver *r);

// One question. Embedded in the asker's struct, zeroed before the first use; may be used again once answered or
// cancelled.
struct dns_query {
    struct dns_request *request; // NULL: nothing is under way
};

// Asks, from the thread of `loop`. done() is called exactly once, on that loop in a later turn, unless the query is
// cancelled. `type` may be any number; class IN.
void dns_query_submit(struct dns_resolver *r, struct loop *loop, struct dns_query *q, struct slice name, uint16_t type,
                      dns_on_answer *done, void *arg);
// On the loop that submitted it: done() will not be called. Nothing under way is fine.
void dns_query_cancel(struct dns_query *q);
static inline bool dns_query_is_running(const struct dns_query *q) {
    return q->request != NULL;
}
