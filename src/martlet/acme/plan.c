// SPDX-License-Identifier: MIT
#include "martlet/acme/plan.h"

#include <stddef.h>

#include "base/panic.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 3600,
    PAUSE_MIN_S = 10 * MINUTE_S,
    PAUSE_WITHOUT_MAX_S = HOUR_S, // nobody can log in for the first time
    PATIENCE_MIN_S = HOUR_S,
    PATIENCE_MAX_S = 7 * ACME_LOOK_S, // the longest window that CAs count in
    LIFE_PARTS = 8,
};

int64_t acme_renew_at(int64_t not_before_s, int64_t not_after_s) {
    return not_before_s + (not_after_s - not_before_s) / 3 * 2;
}

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

int64_t acme_pause_s(unsigned failures, int64_t life_left_s, int64_t patience_s, uint64_t random) {
    static const int64_t pauses[] = {PAUSE_MIN_S, HOUR_S, 6 * (int64_t)HOUR_S};
    size_t i = failures > 0 ? failures - 1 : 0;
    int64_t pause = pauses[i < ARRAY_LEN(pauses) ? i : ARRAY_LEN(pauses) - 1];
    int64_t max = life_left_s > 0 ? life_left_s / LIFE_PARTS : PAUSE_WITHOUT_MAX_S;
    pause = at_most(pause, at_least(max, PAUSE_MIN_S));
    pause += (int64_t)(random % (uint64_t)(pause / 4));
    if (patience_s <= 0)
        return pause;
    int64_t patience = at_most(at_least(patience_s, PATIENCE_MIN_S), PATIENCE_MAX_S);
    return at_least(pause, patience + (int64_t)(random % (HOUR_S / 4)));
}

bool acme_is_due(const struct acme_times *t, bool is_start, int64_t now_s) {
    if (now_s >= t->next_attempt_s)
        return true;
    // Nothing is ever planned further ahead than a pause can be: the clock has been set back.
    int64_t furthest_s = t->has_to_wait ? PATIENCE_MAX_S : ACME_LOOK_S;
    if (now_s < t->last_attempt_s || t->next_attempt_s - now_s > furthest_s + HOUR_S)
        return true;
    return is_start && !t->has_to_wait && !t->has_certificate && now_s - t->last_attempt_s >= ACME_FIRST_PAUSE_S;
}
