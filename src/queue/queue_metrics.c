// SPDX-License-Identifier: MIT
// What the queue counts, for those who watch over the relay.
#include "base/metrics.h"
#include "queue/attempts.h"
#include "queue/queue_internal.h"

static const char *const total_values[] = {"sent-https", "sent-smtp", "deferred", "bounced"};
static struct metric_gauge recipients = METRIC_TOTAL_BY(
    "martlet_queue_recipients", "Recipients elsewhere by what came of an attempt", "outcome", total_values);
static const char *const memory_values[] = {"lanes", "letters"};
static struct metric_gauge in_memory =
    METRIC_GAUGE_BY("martlet_queue_in_memory", "Destinations and letters that are worked on", "what", memory_values);

static int64_t read_recipients(void *arg, size_t value) {
    struct queue_counters n;
    queue_count(arg, &n);
    const uint64_t values[] = {n.delivered_https, n.delivered_smtp, n.deferred, n.bounced};
    return (int64_t)values[value];
}

static int64_t read_in_memory(void *arg, size_t value) {
    struct queue_counters n;
    queue_count(arg, &n);
    return (int64_t)(value == 0 ? n.lanes : n.letters);
}

static int64_t read_failures(void *arg, size_t value) {
    struct queue_counters n;
    queue_count(arg, &n);
    return (int64_t)n.failed_attempts;
}

static struct metric_gauge failures =
    METRIC_TOTAL("martlet_queue_failed_attempts", "Attempts in which no host of a destination answered");

void queue_metrics_open(struct queue *q) {
    queue_attempts_register();
    metric_gauge_open(&recipients, read_recipients, q);
    metric_gauge_open(&in_memory, read_in_memory, q);
    metric_gauge_open(&failures, read_failures, q);
}

void queue_metrics_close(struct queue *q) {
    metric_gauge_close(&recipients, q);
    metric_gauge_close(&in_memory, q);
    metric_gauge_close(&failures, q);
}
