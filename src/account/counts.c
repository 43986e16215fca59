// SPDX-License-Identifier: MIT
#include "account/counts.h"

#include <string.h>

#include "base/metrics.h"

static const char *const verdicts[] = {
    [ACCOUNT_OK] = "ok", [ACCOUNT_DENIED] = "denied", [ACCOUNT_UNAVAILABLE] = "unavailable"};
static struct metric_counter imap_logins =
    METRIC_COUNTER_BY("martlet_imap_logins", "Logins by IMAP, by what came of them", "verdict", verdicts);
static struct metric_counter submission_logins =
    METRIC_COUNTER_BY("martlet_submission_logins", "Logins by SMTP, by what came of them", "verdict", verdicts);
static const uint64_t bounds[] = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
static struct metric_histogram durations =
    METRIC_HISTOGRAM_SECONDS("martlet_login_seconds", "Time from a name and a password to the verdict on them", bounds);
enum { OF_USER, OF_CI };
static const char *const kinds[] = {[OF_USER] = "user", [OF_CI] = "ci"};
static struct metric_counter created =
    METRIC_COUNTER_BY("martlet_created_accounts",
                      "Accounts that came into being by a first login; ci: their address holds ci-, as those "
                      "of automatic tests do",
                      "kind", kinds);
static struct metric_counter deleted =
    METRIC_COUNTER("martlet_deleted_accounts", "Accounts that were deleted by the operator");
static struct metric_counter refused =
    METRIC_COUNTER("martlet_refused_accounts", "First logins that made no account, because the rules forbade it");

void account_counts_register(void) {
    static struct metric *const all[] = {&imap_logins.metric, &submission_logins.metric, &durations.metric,
                                         &created.metric,     &refused.metric,           &deleted.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void account_count_login(enum account_protocol protocol, enum account_verdict verdict, uint64_t us) {
    metric_observe(&durations, us);
    metric_count(protocol == ACCOUNT_IMAP ? &imap_logins : &submission_logins, verdict);
}

void account_count_created(const char *address) {
    metric_count(&created, strstr(address, "ci-") != NULL ? OF_CI : OF_USER);
}

void account_count_deleted(void) {
    metric_count(&deleted, 0);
}

void account_count_refused(void) {
    metric_count(&refused, 0);
}
