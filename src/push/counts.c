// SPDX-License-Identifier: MIT
#include "push/counts.h"

#include "base/metrics.h"

static const char *const answer_values[] = {
    [COUNTS_DONE] = "done",       [COUNTS_GONE] = "gone",       [COUNTS_REFUSED] = "refused",
    [COUNTS_BUSY] = "busy",       [COUNTS_CONNECT] = "connect", [COUNTS_TLS] = "tls",
    [COUNTS_TIMEOUT] = "timeout", [COUNTS_PROTOCOL] = "broken", [COUNTS_REQUEST] = "unsent",
};
static const uint64_t bounds_us[] = {10000,   25000,   50000,   100000,   250000,   500000,
                                     1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

static struct metric_counter requests =
    METRIC_COUNTER("martlet_push_requests", "Requests to the notification gateway that were begun");
static struct metric_counter answers = METRIC_COUNTER_BY(
    "martlet_push_answers", "What came of requests to the notification gateway", "result", answer_values);
static struct metric_histogram durations = METRIC_HISTOGRAM_SECONDS(
    "martlet_push_request_seconds", "Time until the end of a request to the notification gateway", bounds_us);
static struct metric_counter no_address =
    METRIC_COUNTER("martlet_push_no_address", "How often the DNS gave no address of the notification gateway");
static struct metric_counter covered =
    METRIC_COUNTER("martlet_push_covered", "Notifications that were not sent because one had been sent just before");
static struct metric_counter given_up =
    METRIC_COUNTER("martlet_push_given_up", "Notifications that were given up after their last try or their time");
static struct metric_level in_flight =
    METRIC_LEVEL("martlet_push_in_flight", "Requests to the notification gateway that are under way");
static struct metric_level gateway_fails =
    METRIC_LEVEL("martlet_push_gateway_fails", "1 while the notification gateway as a whole does not answer");

void counts_register(void) {
    static struct metric *const all[] = {&requests.metric, &answers.metric,  &durations.metric, &no_address.metric,
                                         &covered.metric,  &given_up.metric, &in_flight.metric, &gateway_fails.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void counts_request(void) {
    metric_count(&requests, 0);
}

void counts_answered(enum counts_answer answer, uint64_t us) {
    metric_count(&answers, (size_t)answer);
    metric_observe(&durations, us);
}

void counts_no_address(void) {
    metric_count(&no_address, 0);
}

void counts_covered(void) {
    metric_count(&covered, 0);
}

void counts_given_up(void) {
    metric_count(&given_up, 0);
}

void counts_in_flight(int by) {
    metric_raise(&in_flight, 0, by);
}

void counts_gateway_fails(bool fails) {
    static bool was; // of the one service; the level has no other writer
    if (fails != was)
        metric_raise(&gateway_fails, 0, fails ? 1 : -1);
    was = fails;
}
