// SPDX-License-Identifier: MIT
// What IMAP METADATA says of the other services: the iroh relay, TURN, the app versions. IMAP asks on every loop, a
// reload changes it.
#pragma once

#include "imap/imap_server.h"

struct turn_server;
struct wire_metadata;

// The TURN server outlives it. Of the rest nothing is said before wire_metadata_set().
struct wire_metadata *wire_metadata_new(struct turn_server *turn);
// URL of the iroh relay and line of the app versions, both copied; "" is NIL.
void wire_metadata_set(struct wire_metadata *m, const char *irohrelay, const char *app_versions);
// After the last session. NULL is accepted.
void wire_metadata_free(struct wire_metadata *m);

// Their argument is a struct wire_metadata.
extern const struct imap_metadata_ops wire_metadata_ops;
