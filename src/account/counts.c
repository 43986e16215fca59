// SPDX-License-Identifier: MIT
#include "account/counts.h"

#include "base/metrics.h"

static const char *const verdicts[] = {
    [ACCOUNT_OK] = "ok", [ACCOUNT_DENIED] = "denied", [ACCOUNT_UNAVAILABLE] = "unavailable"};
static struct metric_counter imap_logins =
    METRIC_COUNTER_BY("martlet_imap_logins", "Logins by IMAP, by what came of them", "verdict", verdicts);
static struct metric_counter submission_logins =
    METRIC_COUNTER_BY("martlet_submission_logins", "Logins by SMTP, by what came of them", "verdict", verdicts);
static struct metric_counter created =
    METRIC_COUNTER("martlet_created_accounts", "Accounts that came into being by a first login");
static struct metric_counter refused =
    METRIC_COUNTER("martlet_refused_accounts", "First logins that made no account, because the rules forbade it");

void account_counts_register(void) {
    static struct metric *const all[] = {&imap_logins.metric, &submission_logins.metric, &created.metric,
                                         &refused.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void account_count_login(enum account_protocol protocol, enum account_verdict verdict) {
    metric_count(protocol == ACCOUNT_IMAP ? &imap_logins : &submission_logins, verdict);
}

void account_count_created(void) {
    metric_count(&created, 0);
}

void account_count_refused(void) {
    metric_count(&refused, 0);
}
