// SPDX-License-Identifier: MIT
#include "expire/counts.h"

#include "base/metrics.h"

static const uint64_t bounds_us[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000};

static struct metric_counter messages =
    METRIC_COUNTER_BY("martlet_expired_messages", "Messages that expiry removed", "rule", store_expiry_rule_names);
static struct metric_counter octets = METRIC_COUNTER_BY(
    "martlet_expired_bytes", "Octets of messages that expiry removed", "rule", store_expiry_rule_names);
static struct metric_counter accounts =
    METRIC_COUNTER("martlet_expired_accounts", "Accounts that expiry removed because nobody had logged in");
static struct metric_counter rounds =
    METRIC_COUNTER("martlet_expiry_rounds", "How often expiry has looked at all rules");
static struct metric_histogram slices =
    METRIC_HISTOGRAM_SECONDS("martlet_expiry_slice_seconds",
                             "Time of the store's writer that a slice of expiry took, without its commit", bounds_us);
static struct metric_level in_doubt =
    METRIC_LEVEL("martlet_expiry_clock_doubted", "1 while expiry does not believe the wall clock");

void expire_counts_register(void) {
    static struct metric *const all[] = {&messages.metric, &octets.metric, &accounts.metric,
                                         &rounds.metric,   &slices.metric, &in_doubt.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void expire_count_round(void) {
    metric_count(&rounds, 0);
}

void expire_count_slice(enum store_expiry_rule rule, uint64_t n_messages, uint64_t n_octets, uint64_t took_us) {
    metric_add(&messages, rule, n_messages);
    metric_add(&octets, rule, n_octets);
    metric_observe(&slices, took_us);
}

void expire_count_account(uint64_t n_messages, uint64_t n_octets) {
    metric_count(&accounts, 0);
    metric_add(&messages, STORE_EXPIRY_ACCOUNTS, n_messages);
    metric_add(&octets, STORE_EXPIRY_ACCOUNTS, n_octets);
}

void expire_count_doubt(bool doubted) {
    static bool was; // of the one loop that expiry runs on
    if (doubted != was)
        metric_raise(&in_doubt, 0, doubted ? 1 : -1);
    was = doubted;
}
