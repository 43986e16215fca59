// SPDX-License-Identifier: MIT
// One step for each operation of the store. Their results are kept in statics, since a gauge is one; several sessions
// may read at the same time, and the newest answer counts.
#include "admin/store_gauges.h"

#include <stdatomic.h>

#include "admin/session.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/overview_ops.h"
#include "store/push_ops.h"
#include "store/queue_operator_ops.h"

enum { KEEP_MS = 60 * 1000 };

// A gauge with its values.
struct kept {
    struct metric_gauge gauge;
    _Atomic int64_t values[STORE_ACTIVE_SPANS]; // as many as any has
};

static int64_t read_kept(void *arg, size_t value) {
    return atomic_load(&((struct kept *)arg)->values[value]);
}

static void keep(struct kept *k, size_t value, uint64_t n) {
    atomic_store(&k->values[value], (int64_t)n);
}

static void show(struct kept *k) {
    metric_gauge_open(&k->gauge, read_kept, k);
}

static void hide(struct kept *k) {
    metric_gauge_close(&k->gauge, k);
}

// ---- the queue ----

enum { DESTINATIONS, MESSAGES, RECIPIENTS };
static const char *const waiting_values[] = {
    [DESTINATIONS] = "destinations", [MESSAGES] = "messages", [RECIPIENTS] = "recipients"};
static struct kept waiting = {
    .gauge = METRIC_GAUGE_BY("martlet_queue_waiting", "What waits for other servers", "what", waiting_values)};
static struct kept oldest = {
    .gauge = METRIC_GAUGE("martlet_queue_oldest_seconds", "Age of the oldest message that waits for another server")};

static void keep_queue(const struct store_queue_total *t) {
    int64_t now = clock_wall_s();
    keep(&waiting, DESTINATIONS, t->ret_destinations);
    keep(&waiting, MESSAGES, t->ret_dues);
    keep(&waiting, RECIPIENTS, t->ret_recipients);
    keep(&oldest, 0, t->ret_oldest > 0 && t->ret_oldest < now ? (uint64_t)(now - t->ret_oldest) : 0);
    show(&waiting);
    show(&oldest);
}

// ---- notifications ----

enum { FIRST_TRY, TRIED };
static const char *const try_values[] = {[FIRST_TRY] = "first", [TRIED] = "again"};
static struct kept pushes = {.gauge = METRIC_GAUGE_BY("martlet_push_pending",
                                                      "Notifications that wait, for their first or a later try", "try",
                                                      try_values)};
static struct kept tokens = {.gauge = METRIC_GAUGE("martlet_push_tokens", "Device tokens of all accounts")};

static void keep_pushes(const struct store_push_total *t) {
    keep(&pushes, FIRST_TRY, t->ret_pending - t->ret_retries);
    keep(&pushes, TRIED, t->ret_retries);
    keep(&tokens, 0, t->ret_tokens);
    show(&pushes);
    show(&tokens);
}

// ---- accounts and messages ----

static const char *const day_values[] = {"1", "10", "30", "40", "80", "100", "150"}; // store_active_days
_Static_assert(ARRAY_LEN(day_values) == STORE_ACTIVE_SPANS, "one word for each span");
static struct kept accounts = {.gauge = METRIC_GAUGE("martlet_accounts", "Accounts")};
static struct kept blocked = {.gauge = METRIC_GAUGE("martlet_accounts_blocked", "Accounts that are blocked")};
static struct kept active = {
    .gauge =
        METRIC_GAUGE_BY("martlet_accounts_active", "Accounts that logged in within so many days", "days", day_values)};
static struct kept messages = {.gauge = METRIC_GAUGE("martlet_stored_messages", "Messages in all mailboxes")};
static struct kept octets = {
    .gauge = METRIC_GAUGE("martlet_stored_bytes", "Octets of these, one that is in several mailboxes counted in each")};
static struct kept file_octets = {
    .gauge = METRIC_GAUGE("martlet_stored_files_bytes", "Octets of large messages, which stand in files")};
static struct kept *const overview[] = {&accounts, &blocked, &active, &messages, &octets, &file_octets};
static _Atomic uint64_t overview_ms; // when it was read; 0: not yet

static void keep_overview(const struct store_overview *o) {
    keep(&accounts, 0, o->ret_accounts);
    keep(&blocked, 0, o->ret_blocked);
    for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
        keep(&active, i, o->ret_active[i]);
    keep(&messages, 0, o->ret_messages);
    keep(&octets, 0, o->ret_octets);
    keep(&file_octets, 0, o->ret_files_octets);
    for (size_t i = 0; i < ARRAY_LEN(overview); i++)
        show(overview[i]);
    atomic_store(&overview_ms, clock_mono_ms() + 1);
}

// ---- asking, one after the other ----

static void on_overview(struct control_session *s, struct store_op *op) {
    if (op->status == STORE_OK)
        keep_overview(CONTAINER_OF(op, struct store_overview, op));
    else
        for (size_t i = 0; i < ARRAY_LEN(overview); i++)
            hide(overview[i]);
    s->after_gauges(s);
}

static void on_pushes(struct control_session *s, struct store_op *op) {
    if (op->status == STORE_OK) {
        keep_pushes(CONTAINER_OF(op, struct store_push_total, op));
    } else {
        hide(&pushes);
        hide(&tokens);
    }
    uint64_t read_ms = atomic_load(&overview_ms);
    if (read_ms != 0 && clock_mono_ms() < read_ms + KEEP_MS)
        s->after_gauges(s);
    else
        control_submit(s, &store_overview_new(clock_wall_day())->op, on_overview);
}

static void on_queue(struct control_session *s, struct store_op *op) {
    if (op->status == STORE_OK) {
        keep_queue(CONTAINER_OF(op, struct store_queue_total, op));
    } else {
        hide(&waiting);
        hide(&oldest);
    }
    control_submit(s, &store_push_total_new()->op, on_pushes);
}

void store_gauges_read(struct control_session *s, void (*next)(struct control_session *s)) {
    s->after_gauges = next;
    control_submit(s, &store_queue_total_new()->op, on_queue);
}
