// SPDX-License-Identifier: MIT
#include "imap/counts.h"

#include "base/metrics.h"

// The words of imap/verbs.c. What else a client sends has one place, the last.
static const char *const names[] = {
    "append",    "authenticate", "capability",  "check",       "close",       "copy",     "create",       "delete",
    "enable",    "examine",      "expunge",     "fetch",       "getmetadata", "getquota", "getquotaroot", "id",
    "idle",      "list",         "login",       "logout",      "lsub",        "move",     "namespace",    "noop",
    "rename",    "search",       "select",      "setmetadata", "setquota",    "starttls", "status",       "store",
    "subscribe", "unselect",     "unsubscribe", "unknown",
};
static struct metric_counter commands =
    METRIC_COUNTER_BY("martlet_imap_commands", "IMAP commands that were answered, by name", "command", names);

enum { REPLY_OK, REPLY_NO, REPLY_BAD };
static const char *const reply_values[] = {[REPLY_OK] = "ok", [REPLY_NO] = "no", [REPLY_BAD] = "bad"};
static struct metric_counter replies =
    METRIC_COUNTER_BY("martlet_imap_replies", "Answers to IMAP commands, by their status", "status", reply_values);

static const uint64_t bounds[] = {100,   250,   500,    1000,   2500,    5000,   10000,
                                  25000, 50000, 100000, 250000, 1000000, 5000000};
static struct metric_histogram durations = METRIC_HISTOGRAM_SECONDS(
    "martlet_imap_command_seconds", "Time from the end of an IMAP command to its tagged answer", bounds);
static struct metric_level idling = METRIC_LEVEL("martlet_imap_idle", "IMAP sessions that wait for news in IDLE");

void imap_counts_register(void) {
    static struct metric *const all[] = {&commands.metric, &replies.metric, &durations.metric, &idling.metric};
    metrics_register(all, ARRAY_LEN(all));
}

static size_t place_of(const struct slice *name) {
    size_t last = ARRAY_LEN(names) - 1;
    if (name == NULL)
        return last;
    // IDLE is answered when DONE ends it.
    struct slice wanted = slice_eq(*name, SLICE("DONE")) ? SLICE("IDLE") : *name;
    for (size_t i = 0; i < last; i++)
        if (slice_eq_ci(wanted, slice_from_cstr(names[i])))
            return i;
    return last;
}

void imap_count_command(const struct slice *name, const char *reply, uint64_t us) {
    metric_count(&commands, place_of(name));
    metric_count(&replies, reply[0] == 'O' ? REPLY_OK : reply[0] == 'N' ? REPLY_NO : REPLY_BAD);
    metric_observe(&durations, us);
}

void imap_count_idling(int by) {
    metric_raise(&idling, 0, by);
}
