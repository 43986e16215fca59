// SPDX-License-Identifier: MIT
// When the next certificate is asked for. Pure: every look is decided by the wall clock it is given, so that a clock
// that jumps costs one attempt at most.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    ACME_LOOK_S = 86400,     // a name that DNS has since yesterday gets into the certificate
    ACME_FIRST_PAUSE_S = 60, // at the start of the program without a certificate, since the last attempt
};

// Two thirds of the life of a certificate, be it six days or a year.
int64_t acme_renew_at(int64_t not_before_s, int64_t not_after_s);

// Seconds from the `failures`-th failure in a row (1: the first) to the next attempt: growing, never so long that the
// rest of the life passes, with up to a quarter added from `random` so that not all relays knock at once.
// `life_left_s` is 0 or less without a certificate that is valid. `patience_s`: the CA has asked for so much patience,
// which is given within limits, never less than an hour; 0: it has not.
int64_t acme_pause_s(unsigned failures, int64_t life_left_s, int64_t patience_s, uint64_t random);

struct acme_times {
    int64_t last_attempt_s; // 0: never
    int64_t next_attempt_s;
    bool has_certificate;
    bool has_to_wait; // the CA has asked for patience until then
};
// `is_start`: the first look of this process, which an operator may have started to hear how it goes.
bool acme_is_due(const struct acme_times *t, bool is_start, int64_t now_s);
