// SPDX-License-Identifier: MIT
// One step for each operation of the store. Their results are kept in statics, since a gauge is one; several sessions
// may read at the same time, and the newest answer counts.
#include "admin/store_gauges.h"

#include <stdatomic.h>

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
static struct kept ci = {
    .gauge = METRIC_GAUGE("martlet_accounts_ci", "Accounts of automatic tests, whose address holds ci-")};
static struct kept blocked = {.gauge = METRIC_GAUGE("martlet_accounts_blocked", "Accounts that are blocked")};
static struct kept active = {
    .gauge =
        METRIC_GAUGE_BY("martlet_accounts_active", "Accounts that logged in within so many days", "days", day_values)};
static struct kept messages = {.gauge = METRIC_GAUGE("martlet_stored_messages", "Messages in all mailboxes")};
static struct kept fullest = {
    .gauge = METRIC_GAUGE("martlet_fullest_account_bytes", "Octets of the account that has the most")};
static struct kept octets = {
    .gauge = METRIC_GAUGE("martlet_stored_bytes", "Octets of these, one that is in several mailboxes counted in each")};
static struct kept file_octets = {
    .gauge = METRIC_GAUGE("martlet_stored_files_bytes", "Octets of large messages, which stand in files")};
static const char *const size_values[] = {"100K", "512K", "1M", "2M", "5M", "10M"}; // store_large_sizes
_Static_assert(ARRAY_LEN(size_values) == STORE_LARGE_SIZES, "one word for each size");
_Static_assert((int)STORE_LARGE_SIZES <= (int)STORE_ACTIVE_SPANS, "struct kept has room");
static struct kept large = {.gauge = METRIC_GAUGE_BY("martlet_large_bodies",
                                                     "Bodies of messages of at least such a size, each counted once",
                                                     "min_size", size_values)};
static struct kept large_octets = {
    .gauge = METRIC_GAUGE_BY("martlet_large_bodies_bytes", "Octets of these bodies", "min_size", size_values)};
static struct kept *const overview[] = {&accounts, &ci,     &blocked,     &active, &messages,
                                        &fullest,  &octets, &file_octets, &large,  &large_octets};
static _Atomic uint64_t overview_ms; // when it was read; 0: not yet

static void keep_overview(const struct store_overview *o) {
    keep(&accounts, 0, o->ret_accounts);
    keep(&blocked, 0, o->ret_blocked);
    keep(&ci, 0, o->ret_ci);
    for (size_t i = 0; i < STORE_LARGE_SIZES; i++) {
        keep(&large, i, o->ret_large[i]);
        keep(&large_octets, i, o->ret_large_octets[i]);
    }
    for (size_t i = 0; i < STORE_ACTIVE_SPANS; i++)
        keep(&active, i, o->ret_active[i]);
    keep(&fullest, 0, o->ret_fullest);
    keep(&messages, 0, o->ret_messages);
    keep(&octets, 0, o->ret_octets);
    keep(&file_octets, 0, o->ret_files_octets);
    for (size_t i = 0; i < ARRAY_LEN(overview); i++)
        show(overview[i]);
    atomic_store(&overview_ms, clock_mono_ms() + 1);
}

// ---- asking, one after the other ----

static void on_op(struct store_op *op) {
    struct store_gauges_asker *a = op->arg;
    a->op = NULL;
    a->on_op(a, op); // may free `a`
    store_op_free(op);
}

static void submit(struct store_gauges_asker *a, struct store_op *op,
                   void (*then)(struct store_gauges_asker *a, const struct store_op *op)) {
    a->op = op;
    a->on_op = then;
    store_op_submit(a->store, a->loop, op, on_op, a);
}

static void on_overview(struct store_gauges_asker *a, const struct store_op *op) {
    const struct store_overview *o = CONTAINER_OF(op, const struct store_overview, op);
    if (op->status == STORE_OK && !o->ret_done) {
        submit(a, &store_overview_next_new(o)->op, on_overview);
        return;
    }
    if (op->status == STORE_OK)
        keep_overview(o);
    else
        for (size_t i = 0; i < ARRAY_LEN(overview); i++)
            hide(overview[i]);
    a->next(a);
}

static void on_pushes(struct store_gauges_asker *a, const struct store_op *op) {
    if (op->status == STORE_OK) {
        keep_pushes(CONTAINER_OF(op, const struct store_push_total, op));
    } else {
        hide(&pushes);
        hide(&tokens);
    }
    uint64_t read_ms = atomic_load(&overview_ms);
    if (read_ms != 0 && clock_mono_ms() < read_ms + KEEP_MS)
        a->next(a);
    else
        submit(a, &store_overview_new(clock_wall_day())->op, on_overview);
}

static void on_queue(struct store_gauges_asker *a, const struct store_op *op) {
    if (op->status == STORE_OK) {
        keep_queue(CONTAINER_OF(op, const struct store_queue_total, op));
    } else {
        hide(&waiting);
        hide(&oldest);
    }
    submit(a, &store_push_total_new()->op, on_pushes);
}

void store_gauges_read(struct store_gauges_asker *a) {
    ASSERT(a->op == NULL);
    submit(a, &store_queue_total_new()->op, on_queue);
}

void store_gauges_cancel(struct store_gauges_asker *a) {
    if (a->op != NULL)
        store_op_cancel(a->op);
    a->op = NULL;
}
