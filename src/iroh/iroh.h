// SPDX-License-Identifier: MIT
// The relay of the iroh protocol: clients that cannot reach each other directly send their packets, which are encrypted
// end to end, through it. A client is named by an Ed25519 key of its own making and has no account; so there are
// limits. Both dialects (frame.h) are served, each among its own clients.
//
//   GET /relay, GET /derp   "Upgrade: iroh derp http": dialect A
//   GET /relay              "Upgrade: websocket" with a sub-protocol of dialect B
//   GET /ping               200, which clients of dialect B wait for before they connect
//
// A client lives on the loop of its connection. Who knows which loop has which key is the directory (directory.h);
// packets cross from loop to loop in batches, one for each turn. What a client does not take at once waits, 512 packets
// and 1 MiB at most, those on their way between loops included (and 256 MiB for all clients together, with as much on
// the way between loops); then new ones are dropped, as the protocol wants it. Keys and addresses of clients are never
// logged.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iroh_relay;
struct loop;
struct web;

// What can change while the relay runs; counts are at least 1.
struct iroh_limits {
    bool is_on;               // false: nobody is served (404), clients that are there stay
    bool is_on_http;          // on port 80, too: the URL that we announce is an http:// one
    uint32_t max_connections; // after the upgrade, of all clients / of one address (the /64 of IPv6)
    uint32_t connections_per_address;
    uint64_t bandwidth; // octets a second from one client, a tenth of it at once; who sends more is read more slowly.
                        // 0: no limit
    bool relay_only;    // for tests: drops what clients of dialect A need to find a direct way to each other
};

struct iroh_settings {
    struct loop *const *loops; // all that connections may be on; they outlive the relay's clients
    size_t n_loops;
    struct iroh_limits limits;
};

struct iroh_relay *iroh_relay_new(const struct iroh_settings *s);
// Any thread. Bandwidth counts for clients that are there, too.
void iroh_relay_set_limits(struct iroh_relay *r, const struct iroh_limits *limits);
// Hangs the routes in, for port 443 and (while is_on_http) port 80. Before the first request.
void iroh_relay_add_routes(struct iroh_relay *r, struct web *w);
// After the last connection, and after the loops have been freed or have run what was posted to them.
void iroh_relay_free(struct iroh_relay *r);
