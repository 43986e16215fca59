// SPDX-License-Identifier: MIT
#include "store/writer.h"

#include "base/clock.h"
#include "store/body_job.h"
#include "store/body_view.h"
#include "store/complete.h"

enum {
    GROUP_MAX = 512,             // operations in one transaction
    IDLE_MS = 2000,              // after this long without a write the writer tidies
    IDLE_MORE_MS = 50,           // and then in small pieces
    IDLE_SLEEP_MS = 3600 * 1000, // and then it looks again whether something has become old
    BUSY_TIDY_MS = 60 * 1000,    // a writer that is never idle tidies this often
};

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
    enum store_status status = (enum store_status)fault;
    if (fault == STORE_OK || fault == WRITER_FAULT_IN_DOUBT)
        status = w->backend->group_commit(w->conn);
    if (fault == WRITER_FAULT_IN_DOUBT)
        status = STORE_FAILED;
    if (status == STORE_OK)
        atomic_fetch_add(&w->commits, 1);
    else if (status == STORE_FAILED)
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
    if (any)
        status = commit(w);
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

// Returns how long the writer may sleep when nothing comes.
static uint64_t tidy(struct writer *w, bool idle) {
    w->tidied_ms = clock_mono_ms();
    bool more = w->backend->tidy(w->conn, idle);
    return more ? IDLE_MORE_MS : IDLE_SLEEP_MS;
}

void writer_run(struct writer *w) {
    uint64_t sleep_ms = IDLE_MS;
    w->tidied_ms = clock_mono_ms();
    for (;;) {
        bool closed;
        struct store_op *ops = op_queue_take_timed(w->queue, GROUP_MAX, sleep_ms, &closed);
        if (closed)
            return;
        if (ops == NULL) {
            sleep_ms = tidy(w, true);
            continue;
        }
        while (ops != NULL)
            ops = write_group(w, ops);
        if (clock_mono_ms() - w->tidied_ms > BUSY_TIDY_MS)
            (void)tidy(w, false);
        sleep_ms = IDLE_MS;
    }
}
