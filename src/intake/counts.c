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

// Why a message was refused or put off, by how the reply begins: the first that fits.
enum reason {
    REASON_UNENCRYPTED,
    REASON_SIZE,
    REASON_NO_SIGNATURE,
    REASON_BAD_SIGNATURE,
    REASON_DKIM_DNS,
    REASON_OUR_DOMAIN,
    REASON_SENDER,
    REASON_FROM,
    REASON_MALFORMED,
    REASON_RATE,
    REASON_BACKLOG,
    REASON_DISK,
    REASON_STORE,
    REASON_OTHER,
};
static const char *const reasons[] = {
    [REASON_UNENCRYPTED] = "unencrypted",
    [REASON_SIZE] = "size",
    [REASON_NO_SIGNATURE] = "no-signature",
    [REASON_BAD_SIGNATURE] = "bad-signature",
    [REASON_DKIM_DNS] = "dkim-dns",
    [REASON_OUR_DOMAIN] = "our-domain",
    [REASON_SENDER] = "sender",
    [REASON_FROM] = "from",
    [REASON_MALFORMED] = "malformed",
    [REASON_RATE] = "rate",
    [REASON_BACKLOG] = "backlog",
    [REASON_DISK] = "disk",
    [REASON_STORE] = "store",
    [REASON_OTHER] = "other",
};
static const struct {
    const char *begin;
    enum reason reason;
} reason_table[] = {
    {"523 ", REASON_UNENCRYPTED},
    {"552 ", REASON_SIZE},
    {"554 5.7.1 No DKIM", REASON_NO_SIGNATURE},
    {"554 5.7.1 No valid DKIM", REASON_BAD_SIGNATURE},
    {"554 5.7.1 Nobody outside", REASON_OUR_DOMAIN},
    {"451 4.7.5 ", REASON_DKIM_DNS},
    {"550 5.7.1 ", REASON_SENDER},
    {"553 5.7.1 ", REASON_SENDER},
    {"500 Invalid FROM", REASON_FROM},
    {"500 Invalid from", REASON_FROM},
    {"500 ", REASON_MALFORMED},
    {"554 Malformed", REASON_MALFORMED},
    {"450 4.7.1: ", REASON_RATE},
    {"450 4.7.1 ", REASON_BACKLOG},
    {"452 4.3.1 ", REASON_DISK},
    {"451 ", REASON_STORE},
};
static struct metric_counter submission_refusals = METRIC_COUNTER_BY(
    "martlet_submission_refusals", "Messages of accounts that were refused or put off, by reason", "reason", reasons);
static struct metric_counter inbound_refusals = METRIC_COUNTER_BY(
    "martlet_inbound_refusals", "Messages of other servers that were refused or put off, by reason", "reason", reasons);

static const uint64_t bounds[] = {500,    1000,   1500,   2500,    5000,    10000,   25000,   50000,
                                  100000, 250000, 500000, 1000000, 2500000, 5000000, 20000000};
static struct metric_histogram submission_times =
    METRIC_HISTOGRAM_SECONDS("martlet_submission_commit_seconds",
                             "Time from the final dot of an account's message until it was durable", bounds);
static struct metric_histogram inbound_times =
    METRIC_HISTOGRAM_SECONDS("martlet_inbound_commit_seconds",
                             "Time from the final dot of another server's message until it was durable", bounds);
static struct metric_histogram notice_times =
    METRIC_HISTOGRAM_SECONDS("martlet_delivery_notice_seconds",
                             "Time from the final dot of a message until waiting sessions were told of it", bounds);

static const char *const kinds[] = {
    [GATE_ENCRYPTED] = "encrypted",         [GATE_SECUREJOIN] = "securejoin", [GATE_SETUP_MESSAGE] = "setup-message",
    [GATE_MAILER_DAEMON] = "mailer-daemon", [GATE_CLEAR] = "clear",           [GATE_MALFORMED] = "malformed",
};
static struct metric_counter inbound_kinds = METRIC_COUNTER_BY(
    "martlet_inbound_kinds", "Messages of other servers that were let through, by what they are", "kind", kinds);

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
    static struct metric *const all[] = {
        &submitted.metric,        &inbound.metric,          &dkim.metric,
        &dkim_signed.metric,      &deliveries.metric,       &submission_refusals.metric,
        &inbound_refusals.metric, &submission_times.metric, &inbound_times.metric,
        &notice_times.metric,     &inbound_kinds.metric,
    };
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

static enum reason reason_of(const struct intake_reply *reply) {
    for (size_t i = 0; i < ARRAY_LEN(reason_table); i++)
        if (strncmp(reply->text, reason_table[i].begin, strlen(reason_table[i].begin)) == 0)
            return reason_table[i].reason;
    return REASON_OTHER;
}

void intake_count_answer(bool is_inbound, const struct intake_reply *reply, uint64_t us) {
    size_t verdict = verdict_of(reply);
    metric_count(is_inbound ? &inbound : &submitted, verdict);
    if (verdict == ACCEPTED)
        metric_observe(is_inbound ? &inbound_times : &submission_times, us);
    else
        metric_count(is_inbound ? &inbound_refusals : &submission_refusals, reason_of(reply));
}

void intake_count_notice(uint64_t us) {
    metric_observe(&notice_times, us);
}

void intake_count_kind(enum gate_kind kind) {
    metric_count(&inbound_kinds, kind);
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
