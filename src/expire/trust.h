// SPDX-License-Identifier: MIT
// Whether the wall clock can be believed: a clock that jumps far ahead (a dead battery, a typing error) would make
// everything old at once. Expiry goes by an hour of its own, which it remembers in the store and which follows the wall
// clock only as long as the two are within two days of each other, the time that has passed counted in.
//
// Further ahead than that, as after a jump or a long time switched off: for a day of running the hour goes on as time
// passes, so that somebody can set the clock right; then it follows, by a day each hour, so that nothing goes all at
// once. Further behind: the hour goes on as time passes, and what arrives is dated by it; everything keeps its age.
// Such a clock is believed only after ten days, for then all that is stored is dated anew, and would be old at once
// should the clock turn out to have been wrong after all.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    EXPIRE_TRUST_HOURS = 48,   // that clock and memory may differ
    EXPIRE_HOLD_HOURS = 24,    // of running before a clock that is further ahead is followed
    EXPIRE_BEHIND_HOURS = 240, // of running before a clock that is behind is
    EXPIRE_FOLLOW_FACTOR = 24, // hours in each hour, when it follows a clock that is ahead
};

enum expire_verdict {
    EXPIRE_CLOCK_FINE,
    EXPIRE_CLOCK_AHEAD,  // waits
    EXPIRE_CLOCK_FOLLOW, // ahead, and followed
    EXPIRE_CLOCK_BEHIND,
};

struct expire_trust {
    int64_t hour;     // remembered, since 1970
    int64_t held;     // hours that the clock has differed: above 0 ahead, below behind
    uint64_t mono_ms; // when `hour` was this
    enum expire_verdict verdict;
};

// `hour` and `held` as they were remembered, -1 and 0 when nothing was; then the newest thing in the store counts, or
// in an empty one the clock.
void expire_trust_begin(struct expire_trust *t, int64_t hour, int64_t held, int64_t newest_hour, int64_t wall_hour,
                        uint64_t mono_ms);
// Time has passed. The hour to expire by.
int64_t expire_trust_step(struct expire_trust *t, int64_t wall_hour, uint64_t mono_ms);
