// SPDX-License-Identifier: MIT
// The relay put together: loops, store, hub, accounts, intake, protocols, listeners. The only module that knows every
// other.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct bundle;
struct config;
struct wire;

// Builds everything and starts the loops; when it returns, connections are being served. Takes the configuration, also
// when it fails. ret_error is a static or thread-local sentence.
MUST_USE struct wire *wire_start(struct config *config, const struct bundle *bundle, const char **ret_error);
// Puts a new configuration and certificate in force; no connection drops. On failure everything stays as it was.
MUST_USE bool wire_reload(struct wire *w, struct config *config, const struct bundle *bundle, const char **ret_error);
// What is to be done twice a minute or so.
void wire_tick(struct wire *w);
// Accepts no more, lets running commands and DATA end for at most 10 s, closes the store, frees. False when connections
// had to be cut.
bool wire_stop(struct wire *w);
