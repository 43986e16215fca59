// SPDX-License-Identifier: MIT
#include "queue/attempts.h"

#include "base/metrics.h"

enum { ANSWERED, UNREACHED, BROKEN, LOST };
static const char *const outcomes[] = {
    [ANSWERED] = "answered", [UNREACHED] = "unreached", [BROKEN] = "broken", [LOST] = "lost"};
static struct metric_counter https = METRIC_COUNTER_BY(
    "martlet_queue_https_attempts", "Letters given to another server by HTTPS, by outcome", "outcome", outcomes);
static struct metric_counter smtp = METRIC_COUNTER_BY(
    "martlet_queue_smtp_attempts", "Letters given to another server by SMTP, by outcome", "outcome", outcomes);
static const uint64_t bounds[] = {1000,   2500,   5000,    10000,   25000,   50000,    100000,
                                  250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};
static struct metric_histogram durations = METRIC_HISTOGRAM_SECONDS(
    "martlet_queue_attempt_seconds", "Time of one attempt to give a letter to another server", bounds);

void queue_attempts_register(void) {
    static struct metric *const all[] = {&https.metric, &smtp.metric, &durations.metric};
    metrics_register(all, ARRAY_LEN(all));
}

static size_t outcome_of(const struct transport_end *e) {
    if (e->result == TRANSPORT_ANSWERED)
        return ANSWERED;
    return e->maybe_taken ? LOST : e->connected ? BROKEN : UNREACHED;
}

void queue_count_attempt(enum courier_transport by, const struct transport_end *e, uint64_t us) {
    metric_count(by == COURIER_HTTPS ? &https : &smtp, outcome_of(e));
    metric_observe(&durations, us);
}
