// SPDX-License-Identifier: MIT
// How fast the gateway is asked: is it there? Pure; the caller brings the time.
//
// Once it has given a proper answer within the last minute it is *proven*, and as many requests run as there is room
// for. Before that, and after a failure that says nothing about one token (no connection, no answer, nobody behind the
// proxy), requests begin one by one, the pause between them growing to PACE_PAUSE_MAX_MS; the first proper answer ends
// that. The pause does not wait for the request before: one token whose request hangs holds up nobody else.
//
// Such a failure counts against the token it was met with only when it is news: not when the gateway has failed others
// since that request began (those that were under way when it went down are asked again, as if nothing had been), and
// it is no failure of the gateway when that has answered others since.
//
// The pause stays within the first step of the table of tries, so that a single token is tried as the table says,
// unless the gateway itself asks for a longer one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum {
    PACE_PROBES_MAX = 8, // requests under way while the gateway is not proven
    PACE_PAUSE_MIN_MS = 1000,
    PACE_PAUSE_MAX_MS = 8000,
    PACE_ASKED_TO_WAIT_MAX_MS = 60 * 1000, // of Retry-After
    PACE_PROVEN_MS = 60 * 1000,
};

// Zeroed before the first use. Times are monotonic milliseconds.
struct pace {
    uint64_t answered_at, next_at;
    uint64_t n_answers, n_failures;
    uint32_t failures; // in a row
};

// What a request notes when it begins.
struct pace_mark {
    uint64_t n_answers, n_failures;
};

bool pace_is_proven(const struct pace *p, uint64_t now);
// How many may begin now, when `under_way` are, and there is room for `max`.
size_t pace_permits(const struct pace *p, uint64_t now, size_t under_way, size_t max);
// When one may begin, unless PACE_PROBES_MAX are under way; not later than `now` when it may at once.
uint64_t pace_next_at(const struct pace *p, uint64_t now);

struct pace_mark pace_begin(struct pace *p, uint64_t now);
// A proper answer, good or bad, came. How many failures in a row that ends.
uint32_t pace_answered(struct pace *p, uint64_t now);

enum pace_verdict {
    PACE_OWN,     // of the request alone
    PACE_GATEWAY, // of the gateway
    PACE_KNOWN,   // of the gateway, found out by another meanwhile: not to be counted
};
// `asked_to_wait_ms`: what the gateway itself has said; 0: nothing.
enum pace_verdict pace_failed(struct pace *p, struct pace_mark mark, uint64_t now, uint64_t asked_to_wait_ms);
// A failure before any request could be made.
void pace_unreachable(struct pace *p, uint64_t now);
