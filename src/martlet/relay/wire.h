// SPDX-License-Identifier: MIT
// The relay put together: loops, store, hub, accounts, intake, protocols, listeners. The only module that knows every
// other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

struct bundle;
struct config;
struct wire;

// Builds everything and starts the loops; when it returns, connections are being served. Takes the configuration, also
// when it fails. ret_error is a static or thread-local sentence.
MUST_USE struct wire *wire_start(struct config *config, const struct bundle *bundle, const char **ret_error);
// Puts a new configuration and certificate in force; no connection drops. On failure everything stays as it was.
MUST_USE bool wire_reload(struct wire *w, struct config *config, const struct bundle *bundle, const char **ret_error);
// What is to be done now and then: whatever of it is due.
void wire_tick(struct wire *w, uint64_t now_ms);
// Calls the roll of all threads and listeners when it is due (pulse.h). True: since the last time all have answered.
MUST_USE bool wire_pulse(struct wire *w, uint64_t now_ms);
// In how many milliseconds either of them is due.
uint64_t wire_wait_ms(const struct wire *w, uint64_t now_ms);
// Accepts no more, lets running commands and DATA end for at most 10 s, closes the store, frees. False when connections
// had to be cut.
bool wire_stop(struct wire *w);
