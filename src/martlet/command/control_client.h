// SPDX-License-Identifier: MIT
// The other end of the control socket (admin/control.h), for the subcommands that speak to a running relay.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"

enum { CONTROL_ERROR_MAX = 512 };

// Whether nobody listens for that state directory: no relay runs. False, too, when that cannot be known.
bool control_is_absent(const char *state_dir);
// Sends one request to the relay whose state directory this is and waits for the answer (30 s of silence at most).
// on_row gets every object of the answer but the last; may be NULL. `request` stays the caller's. When the answer is
// "ok", *ret_last is its last object (the caller's; ret_last may be NULL). Otherwise false with a sentence: that no
// relay runs, that this user may not, or what the relay said.
MUST_USE bool control_call(const char *state_dir, const json_t *request, void (*on_row)(void *arg, const json_t *row),
                           void *arg, json_t **ret_last, char ret_error[CONTROL_ERROR_MAX]);
