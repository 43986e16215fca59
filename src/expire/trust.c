// SPDX-License-Identifier: MIT
#include "expire/trust.h"

enum { HOUR_MS = 3600 * 1000 };

void expire_trust_begin(struct expire_trust *t, int64_t hour, int64_t held, int64_t newest_hour, int64_t wall_hour,
                        uint64_t mono_ms) {
    int64_t first = newest_hour > 0 ? newest_hour : wall_hour;
    *t = (struct expire_trust){.hour = hour >= 0 ? hour : first, .held = hour >= 0 ? held : 0, .mono_ms = mono_ms};
}

static int64_t take_elapsed(struct expire_trust *t, uint64_t mono_ms) {
    uint64_t hours = (mono_ms - t->mono_ms) / HOUR_MS;
    t->mono_ms += hours * HOUR_MS;
    return (int64_t)hours;
}

static int64_t believe(struct expire_trust *t, int64_t wall_hour) {
    t->hour = wall_hour;
    t->held = 0;
    t->verdict = EXPIRE_CLOCK_FINE;
    return wall_hour;
}

static int64_t step_ahead(struct expire_trust *t, int64_t wall_hour, int64_t passed) {
    t->held = (t->held > 0 ? t->held : 0) + passed;
    t->verdict = EXPIRE_CLOCK_AHEAD;
    if (t->held >= EXPIRE_HOLD_HOURS) {
        int64_t next = t->hour + passed * (EXPIRE_FOLLOW_FACTOR - 1);
        t->hour = next < wall_hour ? next : wall_hour;
        t->verdict = EXPIRE_CLOCK_FOLLOW;
    }
    return t->hour;
}

static int64_t step_behind(struct expire_trust *t, int64_t wall_hour, int64_t passed) {
    t->held = (t->held < 0 ? t->held : 0) - passed;
    if (t->held <= -EXPIRE_BEHIND_HOURS)
        return believe(t, wall_hour);
    t->verdict = EXPIRE_CLOCK_BEHIND;
    return t->hour;
}

int64_t expire_trust_step(struct expire_trust *t, int64_t wall_hour, uint64_t mono_ms) {
    int64_t passed = take_elapsed(t, mono_ms);
    t->hour += passed;
    int64_t ahead = wall_hour - t->hour;
    if (ahead > EXPIRE_TRUST_HOURS)
        return step_ahead(t, wall_hour, passed);
    if (ahead < -EXPIRE_TRUST_HOURS)
        return step_behind(t, wall_hour, passed);
    return believe(t, wall_hour);
}
