// SPDX-License-Identifier: MIT
// The notification gateway: where it is, and how one token is given to it. HTTP/2 by ALPN, or 1.1 where it knows
// nothing else; connections are kept.
//
// A kept HTTP/2 connection on which nothing comes any more would take request after request, for the client shares it
// rather than making another. So there can be several *lines*, each an HTTP client with connections of its own: when a
// request was not answered in time, the next ones use a new line, and the old one goes with the last request on it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/panic.h"
#include "config/url.h"
#include "net/http_client.h"
#include "queue/address_lookup.h"

struct config;

enum {
    GATEWAY_CONNECT_MS = 20 * 1000,
    GATEWAY_LOST_MS = 20 * 1000, // what was sent is not acknowledged by the other side's TCP: the connection is dead
    GATEWAY_ANSWER_MAX = 4 * 1024,
    GATEWAY_ADDRESS_MIN_MS = 30 * 1000,
    GATEWAY_ADDRESS_MAX_MS = 3600 * 1000,
};

struct gateway_line;

// Embedded in the service's struct.
struct gateway {
    struct loop *loop;
    struct dns_resolver *dns;
    struct tls_client_context *tls;
    char *text; // the URL as configured; "": none
    struct config_url url;
    bool is_fixed; // its addresses need no asking
    bool use_ipv6;
    bool is_asking; // for addresses
    struct address_lookup lookup;
    struct net_address addresses[ADDRESS_LOOKUP_MAX];
    size_t n_addresses;
    uint64_t fresh_until; // monotonic, ms
    struct gateway_line *line;
    struct list old_lines;
    // There are addresses now, or they cannot be had.
    void (*on_found)(void *arg, bool found);
    void *arg;
};

void gateway_init(struct gateway *g, struct loop *loop, struct dns_resolver *dns, struct tls_client_context *tls,
                  void (*on_found)(void *arg, bool found), void *arg);
// After all calls have ended or were cancelled, when nothing runs on the loop.
void gateway_done(struct gateway *g);

// Whether this configuration wants pushes: it names a gateway, or the default one can be found. `ret_why` (may be NULL)
// is set when a gateway is named that cannot be used. Any thread.
MUST_USE bool gateway_is_wanted(const struct config *c, bool has_place_in_dns, const char **ret_why);
// Takes the gateway of this configuration, which must be wanted, or none (NULL). Calls under way go on. Whether it is
// another one than before.
bool gateway_use(struct gateway *g, const struct config *c);
bool gateway_is_there(const struct gateway *g);

// Whether it can be asked at once. If not, on_found comes in a later turn.
MUST_USE bool gateway_find(struct gateway *g);
// It could not be reached: its addresses are looked up before it is asked again.
void gateway_doubt_addresses(struct gateway *g);
// It did not answer: what is asked from now on is asked over a new connection.
void gateway_renew(struct gateway *g);

// One token on its way; embedded in the flight.
struct gateway_call {
    struct gateway_line *line;
    struct http_call *call; // NULL: none
    struct slice token;
    size_t sent;
    void (*done)(void *arg, const struct http_answer *answer);
    void *arg;
};
// gateway_find() has said that it can be asked. The token is borrowed until done(), which comes exactly once, in a
// later turn, unless cancelled.
void gateway_call_start(struct gateway *g, struct gateway_call *c, struct slice token,
                        void (*done)(void *arg, const struct http_answer *answer), void *arg);
// Harmless when there is none; not within done().
void gateway_call_cancel(struct gateway_call *c);
