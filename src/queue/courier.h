// SPDX-License-Identifier: MIT
// Carries the letters of one destination, one at a time: finds its hosts, tries them in order, HTTPS before SMTP at
// each, and keeps the channels of the host that answered for the next letter. What it learns of a host (no /mxdeliv
// there) is shared by all couriers. Outbound loop only.
#pragma once

#include "queue/letter.h"
#include "queue/memory.h"
#include "queue/route.h"
#include "queue/transport.h"

enum { COURIER_TRANSPORTS = 2 };
enum courier_transport { COURIER_HTTPS, COURIER_SMTP };

// What all couriers stand on.
struct courier_post {
    struct loop *loop;
    struct route_finder *routes;
    const struct transport *transports[COURIER_TRANSPORTS]; // one may be NULL
    struct memory *no_https;                                // hosts
};

enum courier_result {
    COURIER_ANSWERED,    // a host answered for everybody: the letter's outcomes
    COURIER_NO_ROUTE,    // never: the same reply is the outcome of everybody
    COURIER_UNREACHABLE, // no host answered: `why` says it in words; outcomes that came before stand in the letter
    COURIER_UNREADABLE,  // the body could not be read: letter->read_status
};
struct courier_end {
    enum courier_result result;
    enum courier_transport by;  // ANSWERED: who brought the last answer
    size_t n_https;             // recipients that HTTPS served, whatever came then
    struct transport_reply why; // of UNREACHABLE and NO_ROUTE
    const char *error;          // of UNREACHABLE: the last error alone, without a name of anybody
};

struct courier {
    const struct courier_post *post;
    const char *destination; // borrowed
    struct route *route;     // NULL: not known
    uint64_t route_until;    // monotonic
    struct route_request *finding;
    size_t preferred; // the host that answered last
    // Towards the host `host`:
    struct transport_channel *channels[COURIER_TRANSPORTS];
    size_t host;
    // The letter under way:
    struct letter *letter; // NULL: none
    unsigned tried;        // hosts, as bits
    size_t n_https;        // recipients served by HTTPS
    enum courier_transport at;
    bool https_failed, https_was_skipped; // at this host
    bool https_refused;                   // it failed with an answer
    bool sending;
    uint64_t sent_us; // monotonic: when that began
    struct transport_reply last_error;
    void (*on_end)(void *arg, const struct courier_end *end);
    void *on_end_arg;
};

void courier_init(struct courier *c, const struct courier_post *post, const char *destination);
// Gives up what is under way (on_end will not be called) and closes the channels.
void courier_done(struct courier *c);

// The letter stays the caller's. on_end in a later turn, exactly once unless courier_done() is called before.
void courier_send(struct courier *c, struct letter *l, void (*on_end)(void *arg, const struct courier_end *end),
                  void *arg);
// Something is open that the peer may still know.
bool courier_is_open(const struct courier *c);
