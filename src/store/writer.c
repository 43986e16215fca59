// SPDX-License-Identifier: MIT
#include "store/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/body_job.h"
#include "store/body_view.h"
#include "store/complete.h"

enum {
    GROUP_MAX = 512,             // operations in one transaction
    IDLE_MORE_MS = 50,           // it tidies in small pieces
    IDLE_SLEEP_MS = 3600 * 1000, // and then it looks again whether something has become old
    REST_PAUSE_MS = 2,           // between two pieces of what was left behind
    REST_AGAIN_MS = 60 * 1000,   // after a failure (a full disk)
    BUSY_AGAIN_PART = 5,         // of the time after which a busy writer tidies: when it was not done
};

// ---- what is counted ----

static const uint64_t commit_bounds[] = {100,   250,   500,    1000,   2500,   5000,    10000,
                                         25000, 50000, 100000, 250000, 500000, 1000000, 5000000};
static const uint64_t group_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
static struct metric_histogram commit_time = METRIC_HISTOGRAM_SECONDS(
    "martlet_store_commit_seconds", "Time of a commit to the disk, sync included", commit_bounds);
static struct metric_histogram group_size =
    METRIC_HISTOGRAM("martlet_store_group_size", "Operations that share a commit", group_bounds);
static struct metric_counter failed_commits =
    METRIC_COUNTER("martlet_store_failed_commits", "Commits that failed; nothing of them was answered as done");
static struct metric *const metrics[] = {&commit_time.metric, &group_size.metric, &failed_commits.metric};

static void count_group(const struct store_op *ops) {
    uint64_t n = 0;
    for (; ops != NULL; ops = ops->next)
        n++;
    metric_observe(&group_size, n);
}

// ---- groups ----

// Runs one operation of several. False when the group is lost.
static bool run_in_savepoint(struct writer *w, struct store_op *op) {
    const struct store_backend *b = w->backend;
    struct effects_mark mark = effects_mark(&w->conn->effects);
    op->status = b->op_begin(w->conn);
    if (op->status != STORE_OK)
        return false;
    op->status = b->run[op->type->kind](w->conn, op);
    if (op->status == STORE_OK) {
        op->status = b->op_release(w->conn);
        return op->status == STORE_OK;
    }
    effects_rewind(&w->conn->effects, mark);
    return b->op_rollback(w->conn);
}

// A commit that failed while it was synced may be found complete after a crash, unless another one has overwritten it.
// Its rows then need their files; when it is not found the sweep at the next start removes them.
static void keep_what_is_in_doubt(struct writer *w) {
    const struct effects *e = &w->conn->effects;
    for (size_t i = 0; i < e->n_kept; i++)
        body_set_kept(e->kept[i]);
}

static enum store_status commit(struct writer *w) {
    int fault = atomic_exchange(&w->fail_commit, STORE_OK);
    uint64_t began_us = clock_mono_us();
    enum store_status status = (enum store_status)fault;
    if (fault == STORE_OK || fault == WRITER_FAULT_IN_DOUBT)
        status = w->backend->group_commit(w->conn);
    if (fault == WRITER_FAULT_IN_DOUBT)
        status = STORE_FAILED;
    metric_observe(&commit_time, clock_mono_us() - began_us);
    if (status == STORE_OK)
        atomic_fetch_add(&w->commits, 1);
    else
        metric_count(&failed_commits, 0);
    if (status == STORE_FAILED)
        keep_what_is_in_doubt(w);
    return status;
}

// Runs the group up to its commit. Not STORE_OK: nothing of it is there.
static enum store_status run_group(struct writer *w, struct store_op *ops) {
    enum store_status status = w->backend->group_begin(w->conn);
    if (status != STORE_OK)
        return status;
    bool any = false;
    if (ops->next == NULL) { // alone it needs no savepoint: the transaction is one
        ops->status = w->backend->run[ops->type->kind](w->conn, ops);
        any = ops->status == STORE_OK;
    } else {
        for (struct store_op *op = ops; op != NULL; op = op->next) {
            if (!run_in_savepoint(w, op)) {
                w->backend->group_rollback(w->conn);
                return op->status == STORE_FULL ? STORE_FULL : STORE_FAILED;
            }
            any = any || op->status == STORE_OK;
        }
    }
    if (any) {
        count_group(ops);
        status = commit(w);
    }
    if (!any || status != STORE_OK)
        w->backend->group_rollback(w->conn);
    if (!any)
        effects_reset(&w->conn->effects);
    return status;
}

static void publish(struct writer *w) {
    struct effects *e = &w->conn->effects;
    for (size_t i = 0; i < e->n_kept; i++)
        body_set_kept(e->kept[i]);
    effects_publish(e, w->on_change, w->on_change_arg);
    effects_publish_news(e, w->on_queue, w->on_queue_arg);
    effects_publish_pushes(e, w->on_push, w->on_push_arg);
    for (size_t i = 0; i < e->n_unlinks; i++)
        body_file_unlink(w->store, &e->unlinks[i]);
}

// One that did only a piece goes to the end of the queue, so that everybody else has a turn.
static bool runs_again(struct store_op *op) {
    if (op->status != STORE_OK || !op->unfinished)
        return false;
    op->unfinished = false;
    return true;
}

// Returns what has to run again at once because the queue is closed.
static struct store_op *write_group(struct writer *w, struct store_op *ops) {
    struct store_op *again = NULL;
    enum store_status status = run_group(w, ops);
    if (status == STORE_OK)
        publish(w);
    effects_reset(&w->conn->effects);
    while (ops != NULL) {
        struct store_op *op = ops;
        ops = op->next;
        // Even what one of them found out may rest on another one that is undone now.
        if (status != STORE_OK)
            op->status = status;
        w->has_rest = w->has_rest || (op->status == STORE_OK && op->has_rest);
        if (!runs_again(op)) {
            op_complete(op);
        } else if (!op_queue_push(w->queue, op)) {
            op->next = again;
            again = op;
        }
    }
    if (w->backend->wants_checkpoint(w->conn))
        w->start_checkpoint(w->arg);
    return again;
}

// One piece; the next one when everybody who waits has had a turn.
static void run_rest(struct writer *w) {
    bool more = false;
    enum store_status status = w->backend->group_begin(w->conn);
    if (status == STORE_OK)
        status = w->backend->run_rest(w->conn, &more);
    if (status == STORE_OK)
        status = commit(w);
    if (status == STORE_OK)
        publish(w);
    else
        w->backend->group_rollback(w->conn);
    if (status == STORE_OK || status == STORE_NOT_FOUND) {
        w->has_rest = more;
        w->rest_after_ms = more ? clock_mono_ms() + REST_PAUSE_MS : 0;
    } else {
        w->rest_after_ms = clock_mono_ms() + REST_AGAIN_MS;
        log_warning("store.deletion_unfinished", "reason=\"messages of deleted mailboxes could not be removed yet\"");
    }
    effects_reset(&w->conn->effects);
    if (w->backend->wants_checkpoint(w->conn))
        w->start_checkpoint(w->arg);
}

// In how many milliseconds a piece of the rest is due.
static uint64_t rest_is_due_in(const struct writer *w) {
    if (!w->has_rest)
        return UINT64_MAX;
    uint64_t now = clock_mono_ms();
    return w->rest_after_ms > now ? w->rest_after_ms - now : 0;
}

// Returns how long the writer may sleep when nothing comes.
static uint64_t tidy(struct writer *w, bool idle) {
    w->tidied_ms = clock_mono_ms();
    w->left_untidy = w->backend->tidy(w->conn, idle);
    return w->left_untidy ? IDLE_MORE_MS : IDLE_SLEEP_MS;
}

// Beside the work; soon again when there is more to do, or a reader was in the log.
static void tidy_if_due(struct writer *w) {
    uint64_t every_ms = atomic_load(&w->busy_tidy_ms);
    if (clock_mono_ms() - w->tidied_ms > every_ms / (w->left_untidy ? BUSY_AGAIN_PART : 1))
        (void)tidy(w, false);
}

void writer_run(struct writer *w) {
    uint64_t sleep_ms = atomic_load(&w->idle_ms);
    metrics_register(metrics, ARRAY_LEN(metrics));
    w->tidied_ms = clock_mono_ms();
    w->has_rest = true;
    for (;;) {
        bool closed;
        uint64_t rest_ms = rest_is_due_in(w);
        struct store_op *ops =
            op_queue_take_timed(w->queue, GROUP_MAX, rest_ms < sleep_ms ? rest_ms : sleep_ms, &closed);
        if (closed)
            return;
        bool idle = ops == NULL;
        while (ops != NULL) {
            atomic_store_explicit(&w->group_since_ms, clock_mono_ms(), memory_order_relaxed);
            ops = write_group(w, ops);
        }
        atomic_store_explicit(&w->group_since_ms, 0, memory_order_relaxed);
        if (rest_is_due_in(w) == 0) {
            run_rest(w);
        } else if (idle) {
            sleep_ms = tidy(w, true);
            continue;
        }
        tidy_if_due(w);
        sleep_ms = atomic_load(&w->idle_ms);
    }
}
