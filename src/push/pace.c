// SPDX-License-Identifier: MIT
#include "push/pace.h"

bool pace_is_proven(const struct pace *p, uint64_t now) {
    return p->n_answers > 0 && p->failures == 0 && now - p->answered_at < PACE_PROVEN_MS;
}

size_t pace_permits(const struct pace *p, uint64_t now, size_t under_way, size_t max) {
    if (under_way >= max)
        return 0;
    if (pace_is_proven(p, now))
        return max - under_way;
    return under_way < PACE_PROBES_MAX && now >= p->next_at ? 1 : 0;
}

uint64_t pace_next_at(const struct pace *p, uint64_t now) {
    return pace_is_proven(p, now) ? now : p->next_at;
}

static void pause(struct pace *p, uint64_t now, uint64_t at_least) {
    uint64_t ms = PACE_PAUSE_MIN_MS;
    for (uint32_t i = 1; i < p->failures && ms < PACE_PAUSE_MAX_MS; i++)
        ms *= 2;
    if (at_least > PACE_ASKED_TO_WAIT_MAX_MS)
        at_least = PACE_ASKED_TO_WAIT_MAX_MS;
    uint64_t at = now + (ms > at_least ? ms : at_least);
    if (at > p->next_at)
        p->next_at = at;
}

struct pace_mark pace_begin(struct pace *p, uint64_t now) {
    if (!pace_is_proven(p, now))
        pause(p, now, 0);
    return (struct pace_mark){p->n_answers, p->n_failures};
}

uint32_t pace_answered(struct pace *p, uint64_t now) {
    uint32_t failures = p->failures;
    p->n_answers++;
    p->answered_at = now;
    p->failures = 0;
    p->next_at = 0;
    return failures;
}

void pace_unreachable(struct pace *p, uint64_t now) {
    p->n_failures++;
    p->failures++;
    pause(p, now, 0);
}

enum pace_verdict pace_failed(struct pace *p, struct pace_mark mark, uint64_t now, uint64_t asked_to_wait_ms) {
    if (p->n_answers != mark.n_answers)
        return PACE_OWN;
    if (p->n_failures != mark.n_failures)
        return PACE_KNOWN;
    pace_unreachable(p, now);
    pause(p, now, asked_to_wait_ms);
    return PACE_GATEWAY;
}
