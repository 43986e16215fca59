// SPDX-License-Identifier: MIT
// The services beside mail: the iroh relay, the TURN server, and what IMAP METADATA tells clients of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "martlet/web/announce.h"

struct bundle;
struct bundle_listener;
struct config;
struct imap_metadata_ops;
struct loop;
struct store;
struct web;
struct wire_realtime;

struct wire_realtime_rooms {
    struct store *store;
    struct loop *const *loops; // that clients are on; they do not run yet
    size_t n_loops;
};

// Where this relay is, for what is announced.
struct announce_place wire_realtime_place(const struct bundle *b);

// Asks the store, and waits, for the secret that signs credentials; where the store cannot make one (a full disk),
// credentials end with this process.
struct wire_realtime *wire_realtime_new(const struct wire_realtime_rooms *rooms, const struct config *c,
                                        const struct bundle *b);
// Hangs in the routes of the iroh relay.
void wire_realtime_add_routes(struct wire_realtime *r, struct web *w);
// For struct imap_server.
struct imap_metadata_ops wire_realtime_metadata(const struct wire_realtime *r, void **ret_arg);
// Before the loops run. False: the socket is of another kind of service.
MUST_USE bool wire_realtime_add_socket(struct wire_realtime *r, const struct bundle_listener *l);
// After the configuration or the certificate was replaced.
void wire_realtime_reload(struct wire_realtime *r, const struct config *c, const struct bundle *b);
// On each loop: no more datagrams.
void wire_realtime_stop(struct wire_realtime *r, struct loop *loop);
// When the loops stand still, before they are freed. NULL is accepted.
void wire_realtime_end(struct wire_realtime *r);
// After the last connection and after the loops were freed. NULL is accepted.
void wire_realtime_free(struct wire_realtime *r);
