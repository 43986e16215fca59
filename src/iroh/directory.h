// SPDX-License-Identifier: MIT
// Who has which key, of all loops. Of the connections with the same key one is active, and gets what is sent to it: the
// newest. What becomes of the others is the dialect's business: A closes them; in B they stay, a few of them, and the
// newest takes over when the active one goes. Thread-safe.
#pragma once

#include <stddef.h>

#include "base/panic.h"
#include "iroh/client.h"

enum { IROH_INACTIVE_MAX = 4 }; // of one key

struct iroh_directory;

struct iroh_directory *iroh_directory_new(void);
void iroh_directory_free(struct iroh_directory *d);

// The client is the active one of its key now; the directory has a reference of its own. False: no room.
MUST_USE bool iroh_directory_enter(struct iroh_directory *d, struct iroh_client *c);
// Its standing is IROH_GONE from now on.
void iroh_directory_leave(struct iroh_directory *d, struct iroh_client *c);
// The active client of the key among those of the dialect's family, with a reference for the caller; NULL: none.
struct iroh_client *iroh_directory_find(struct iroh_directory *d, enum iroh_dialect family,
                                        const uint8_t key[IROH_KEY_LEN]);
// Keys; for tests.
size_t iroh_directory_count(struct iroh_directory *d);
