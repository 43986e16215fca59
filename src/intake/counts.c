// SPDX-License-Identifier: MIT
#include "intake/counts.h"

#include <string.h>

#include "base/metrics.h"

enum { ACCEPTED, UNENCRYPTED, DEFERRED, REFUSED };
static const char *const verdicts[] = {
    [ACCEPTED] = "accepted", [UNENCRYPTED] = "unencrypted", [DEFERRED] = "deferred", [REFUSED] = "refused"};
static struct metric_counter submitted =
    METRIC_COUNTER_BY("martlet_submitted_messages", "Messages of accounts, by verdict", "verdict", verdicts);
static struct metric_counter inbound =
    METRIC_COUNTER_BY("martlet_inbound_messages", "Messages of other servers, by verdict", "verdict", verdicts);

static const char *const dkim_verdicts[] = {
    [DKIM_OPEN] = "open", [DKIM_PASS] = "pass",           [DKIM_NONE] = "none",
    [DKIM_FAIL] = "fail", [DKIM_TEMPERROR] = "temperror",
};
static struct metric_counter dkim =
    METRIC_COUNTER_BY("martlet_dkim_verdicts", "Signatures of messages from other servers", "verdict", dkim_verdicts);
static struct metric_counter dkim_signed =
    METRIC_COUNTER("martlet_dkim_signed_messages", "Messages that were signed on their way to other servers");

static const char *const outcomes[] = {
    [STORE_DELIVERED] = "delivered",
    [STORE_DUPLICATE] = "duplicate",
    [STORE_UNKNOWN] = "unknown",
    [STORE_OVERQUOTA] = "overquota",
};
static struct metric_counter deliveries =
    METRIC_COUNTER_BY("martlet_deliveries", "Local recipients of messages, by outcome", "outcome", outcomes);

void intake_counts_register(void) {
    static struct metric *const all[] = {&submitted.metric, &inbound.metric, &dkim.metric, &dkim_signed.metric,
                                         &deliveries.metric};
    metrics_register(all, ARRAY_LEN(all));
}

// RFC 5321 section 4.2.1: the first digit. 523 is the refusal of clear text.
static size_t verdict_of(const struct intake_reply *reply) {
    switch (reply->text[0]) {
    case '2':
        return ACCEPTED;
    case '4':
        return DEFERRED;
    default:
        return strncmp(reply->text, "523", 3) == 0 ? UNENCRYPTED : REFUSED;
    }
}

void intake_count_answer(bool is_inbound, const struct intake_reply *reply) {
    metric_count(is_inbound ? &inbound : &submitted, verdict_of(reply));
}

void intake_count_dkim(enum dkim_verdict verdict) {
    metric_count(&dkim, verdict);
}

void intake_count_signed(void) {
    metric_count(&dkim_signed, 0);
}

void intake_count_delivery(enum store_delivery_outcome outcome) {
    metric_count(&deliveries, outcome);
}
