// SPDX-License-Identifier: MIT
#include "store/executor.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/complete.h"
#include "store/op_queue.h"
#include "store/writer.h"

enum { BULK_THREADS = 2, READERS_MAX = 16, STACK_SIZE = 1024 * 1024 };

struct reader {
    struct executor *executor;
    pthread_t thread;
    struct backend_conn *conn;
};

struct executor {
    const struct store_backend *backend;
    struct op_queue queues[3]; // by enum store_op_mode
    struct reader readers[READERS_MAX];
    uint32_t n_readers;
    pthread_t bulk[BULK_THREADS];
    pthread_t writer_thread;
    struct writer writer;
    struct backend_conn *checkpointer;
    _Atomic bool checkpointing;
};

// ---- threads ----

// A thread names itself: naming another one goes through /proc, which the sandbox does not open.
static void name_thread(const char *name) {
    (void)pthread_setname_np(pthread_self(), name);
}

static void *reader_main(void *arg) {
    name_thread("store-read");
    struct reader *r = arg;
    const struct store_backend *b = r->executor->backend;
    struct store_op *op;
    while ((op = op_queue_take(&r->executor->queues[STORE_OP_READ], 1)) != NULL) {
        op->status = b->read_begin(r->conn);
        if (op->status == STORE_OK) {
            op->status = b->run[op->type->kind](r->conn, op);
            b->read_end(r->conn);
        }
        op_complete(op);
    }
    return NULL;
}

static void *bulk_main(void *arg) {
    name_thread("store-bulk");
    struct executor *e = arg;
    struct store_op *op;
    while ((op = op_queue_take(&e->queues[STORE_OP_BULK], 1)) != NULL) {
        op->status = op->type->run_bulk(op);
        op_complete(op);
    }
    return NULL;
}

static void *writer_main(void *arg) {
    name_thread("store-write");
    writer_run(arg);
    return NULL;
}

// ---- checkpoint beside the writer ----

struct checkpoint {
    struct store_op op;
    struct executor *executor;
};

static enum store_status run_checkpoint(struct store_op *op) {
    struct executor *e = CONTAINER_OF(op, struct checkpoint, op)->executor;
    e->backend->checkpoint(e->checkpointer);
    atomic_store(&e->checkpointing, false);
    return STORE_OK;
}

static const struct store_op_type checkpoint_type = {
    .name = "checkpoint",
    .size = sizeof(struct checkpoint),
    .mode = STORE_OP_BULK,
    .run_bulk = run_checkpoint,
};

static void start_checkpoint(void *arg) {
    struct executor *e = arg;
    if (atomic_exchange(&e->checkpointing, true))
        return;
    struct checkpoint *c = op_new(&checkpoint_type);
    c->executor = e;
    executor_submit(e, &c->op);
}

// ---- life ----

static void disconnect_all(struct executor *e) {
    for (uint32_t i = 0; i < e->n_readers; i++)
        e->backend->disconnect(e->readers[i].conn);
    e->backend->disconnect(e->checkpointer);
    e->backend->disconnect(e->writer.conn);
}

static bool connect_all(struct executor *e, struct backend_context *context) {
    const struct store_backend *b = e->backend;
    e->writer.conn = b->connect(context, BACKEND_WRITER);
    e->checkpointer = b->connect(context, BACKEND_CHECKPOINTER);
    bool ok = e->writer.conn != NULL && e->checkpointer != NULL;
    for (uint32_t i = 0; i < e->n_readers; i++) {
        e->readers[i].conn = b->connect(context, BACKEND_READER);
        ok = ok && e->readers[i].conn != NULL;
    }
    return ok;
}

struct executor *executor_new(struct store *s, const struct store_backend *backend, struct backend_context *context,
                              uint32_t n_readers, const char **ret_error) {
    struct executor *e = MEM_NEW(struct executor);
    e->backend = backend;
    e->n_readers = n_readers < 1 ? 1 : n_readers > READERS_MAX ? READERS_MAX : n_readers;
    const uint32_t n_threads[] = {[STORE_OP_READ] = e->n_readers, [STORE_OP_WRITE] = 1, [STORE_OP_BULK] = BULK_THREADS};
    for (size_t i = 0; i < ARRAY_LEN(e->queues); i++)
        op_queue_init(&e->queues[i], n_threads[i]);
    if (!connect_all(e, context)) {
        disconnect_all(e);
        executor_free(e);
        *ret_error = "the database cannot be opened";
        return NULL;
    }
    e->writer.store = s;
    e->writer.backend = backend;
    e->writer.queue = &e->queues[STORE_OP_WRITE];
    e->writer.start_checkpoint = start_checkpoint;
    e->writer.arg = e;
    atomic_init(&e->writer.idle_ms, WRITER_IDLE_MS);
    atomic_init(&e->writer.busy_tidy_ms, WRITER_BUSY_TIDY_MS);
    return e;
}

void executor_start(struct executor *e) {
    thread_start_deaf(&e->writer_thread, STACK_SIZE, writer_main, &e->writer);
    for (uint32_t i = 0; i < e->n_readers; i++) {
        e->readers[i].executor = e;
        thread_start_deaf(&e->readers[i].thread, STACK_SIZE, reader_main, &e->readers[i]);
    }
    for (size_t i = 0; i < BULK_THREADS; i++)
        thread_start_deaf(&e->bulk[i], STACK_SIZE, bulk_main, e);
}

void executor_set_on_change(struct executor *e, store_on_change *on_change, void *arg) {
    e->writer.on_change = on_change;
    e->writer.on_change_arg = arg;
}

void executor_set_on_queue(struct executor *e, store_on_queue *on_queue, void *arg) {
    e->writer.on_queue = on_queue;
    e->writer.on_queue_arg = arg;
}

void executor_set_on_push(struct executor *e, store_on_push *on_push, void *arg) {
    e->writer.on_push = on_push;
    e->writer.on_push_arg = arg;
}

void executor_submit(struct executor *e, struct store_op *op) {
    if (op_queue_push(&e->queues[op->type->mode], op))
        return;
    op->status = STORE_FAILED;
    if (op->loop == NULL && op->type->mode == STORE_OP_BULK)
        op->status = op->type->run_bulk(op);
    op_complete(op);
}

void executor_call_roll(struct executor *e) {
    for (size_t i = 0; i < ARRAY_LEN(e->queues); i++)
        op_queue_call_roll(&e->queues[i]);
}

const char *executor_who_is_silent(const struct executor *e) {
    static const char *const names[] = {
        [STORE_OP_READ] = "store-read", [STORE_OP_WRITE] = "store-write", [STORE_OP_BULK] = "store-bulk"};
    for (size_t i = 0; i < ARRAY_LEN(e->queues); i++)
        if (!op_queue_all_answered(&e->queues[i]))
            return names[i];
    return NULL;
}

// The bulk threads go last: readers need them for nothing, but the writer hands them files to remove.
void executor_stop(struct executor *e) {
    op_queue_close(&e->queues[STORE_OP_READ]);
    for (uint32_t i = 0; i < e->n_readers; i++)
        ASSERT(pthread_join(e->readers[i].thread, NULL) == 0);
    op_queue_close(&e->queues[STORE_OP_WRITE]);
    ASSERT(pthread_join(e->writer_thread, NULL) == 0);
    op_queue_close(&e->queues[STORE_OP_BULK]);
    for (size_t i = 0; i < BULK_THREADS; i++)
        ASSERT(pthread_join(e->bulk[i], NULL) == 0);
    e->backend->finish(e->writer.conn);
    disconnect_all(e);
}

void executor_free(struct executor *e) {
    for (size_t i = 0; i < ARRAY_LEN(e->queues); i++)
        op_queue_done(&e->queues[i]);
    free(e);
}

uint64_t executor_writer_busy_ms(struct executor *e) {
    uint64_t since = atomic_load_explicit(&e->writer.group_since_ms, memory_order_relaxed);
    uint64_t now = clock_mono_ms();
    return since == 0 || since > now ? 0 : now - since;
}

void executor_test_fail_next_commit(struct executor *e, enum store_status status) {
    atomic_store(&e->writer.fail_commit, (int)status);
}

void executor_test_doubt_next_commit(struct executor *e) {
    atomic_store(&e->writer.fail_commit, WRITER_FAULT_IN_DOUBT);
}

void executor_test_set_tidying(struct executor *e, uint64_t idle_ms, uint64_t busy_tidy_ms) {
    atomic_store(&e->writer.idle_ms, idle_ms);
    atomic_store(&e->writer.busy_tidy_ms, busy_tidy_ms);
}

uint64_t executor_test_commits(struct executor *e) {
    return atomic_load(&e->writer.commits);
}
