// SPDX-License-Identifier: MIT
// Writing an intake_reply: always one line of printable ASCII, whatever a message put into it.
#pragma once

#include "base/panic.h"
#include "base/slice.h"
#include "intake/intake.h"

// At most INTAKE_REPLY_MAX - 1 octets; what is longer is cut. Octets outside printable ASCII become "?".
void intake_reply_set(struct intake_reply *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The first `max` octets of s: what a reply repeats of a peer's words stays short.
struct slice intake_reply_clip(struct slice s, size_t max);
