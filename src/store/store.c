// SPDX-License-Identifier: MIT
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/body_dir.h"
#include "store/complete.h"
#include "store/dir_lock.h"
#include "store/executor.h"
#include "store/footprint.h"
#include "store/store_internal.h"

struct store {
    _Atomic unsigned refs; // the owner and each living body
    char *dir;
    int lock_fd;
    struct backend_context context;
    struct executor *executor;
    struct footprint *footprint;
};

struct store *store_open(const struct store_settings *settings, const char **ret_error) {
    struct store *s = MEM_NEW(struct store);
    atomic_init(&s->refs, 1);
    s->dir = mem_strndup(settings->dir, strlen(settings->dir));
    s->context.dir = s->dir;
    atomic_init(&s->context.mailbox_quota, settings->mailbox_quota);
    s->context.queue_dues = settings->queue_dues != 0 ? settings->queue_dues : STORE_QUEUE_DUES_MAX;
    s->context.queue_per_sender =
        settings->queue_per_sender != 0 ? settings->queue_per_sender : STORE_QUEUE_PER_SENDER_MAX;
    s->context.queue_octets = settings->queue_octets;
    s->lock_fd = dir_lock(settings->dir, true, ret_error);
    if (s->lock_fd < 0)
        goto failed;
    s->context.bodies = body_dir_open(settings->dir);
    if (s->context.bodies == NULL) {
        *ret_error = dir_lock_errno("the directory of bodies cannot be used");
        goto failed;
    }
    if (!sqlite_backend.prepare(&s->context, ret_error))
        goto failed;
    s->executor = executor_new(s, &sqlite_backend, &s->context, settings->n_readers, ret_error);
    if (s->executor == NULL)
        goto failed;
    executor_start(s->executor);
    s->footprint = footprint_open(s->dir);
    return s;
failed:
    dir_unlock(s->lock_fd);
    body_dir_unref(s->context.bodies);
    free(s->dir);
    free(s);
    return NULL;
}

void store_close(struct store *s) {
    if (s == NULL)
        return;
    footprint_close(s->footprint);
    executor_stop(s->executor);
    dir_unlock(s->lock_fd);
    store_unref(s);
}

struct store *store_ref(struct store *s) {
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void store_unref(struct store *s) {
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    executor_free(s->executor);
    body_dir_unref(s->context.bodies);
    free(s->dir);
    free(s);
}

struct body_dir *store_body_dir(struct store *s) {
    return s->context.bodies;
}

void store_set_on_change(struct store *s, store_on_change *on_change, void *arg) {
    executor_set_on_change(s->executor, on_change, arg);
}

void store_set_on_queue(struct store *s, store_on_queue *on_queue, void *arg) {
    executor_set_on_queue(s->executor, on_queue, arg);
}

void store_set_on_push(struct store *s, store_on_push *on_push, void *arg) {
    executor_set_on_push(s->executor, on_push, arg);
}

void store_set_push_enabled(struct store *s, bool enabled) {
    atomic_store(&s->context.push_enabled, enabled);
}

void store_set_mailbox_quota(struct store *s, uint64_t quota) {
    atomic_store(&s->context.mailbox_quota, quota);
}

void store_call_roll(struct store *s) {
    executor_call_roll(s->executor);
}

const char *store_who_is_silent(const struct store *s) {
    return executor_who_is_silent(s->executor);
}

uint64_t store_writer_busy_ms(struct store *s) {
    return executor_writer_busy_ms(s->executor);
}

uint64_t store_disk_floor(uint64_t total_octets) {
    return body_dir_reserve(total_octets);
}

void store_test_fail_next_commit(struct store *s, enum store_status status) {
    executor_test_fail_next_commit(s->executor, status);
}

void store_test_doubt_next_commit(struct store *s) {
    executor_test_doubt_next_commit(s->executor);
}

uint64_t store_test_commits(struct store *s) {
    return executor_test_commits(s->executor);
}

void store_test_set_tidying(struct store *s, uint64_t idle_ms, uint64_t busy_tidy_ms) {
    executor_test_set_tidying(s->executor, idle_ms, busy_tidy_ms);
}

int store_verify(const char *dir, void (*on_problem)(void *arg, const char *sentence), void *arg,
                 const char **ret_error) {
    struct backend_context context = {.dir = dir};
    int lock_fd = dir_lock(dir, false, ret_error);
    if (lock_fd < 0)
        return -1;
    int n = -1;
    context.bodies = body_dir_open(dir);
    if (context.bodies == NULL)
        *ret_error = dir_lock_errno("the directory of bodies cannot be used");
    else
        n = sqlite_backend.verify(&context, on_problem, arg, ret_error);
    body_dir_unref(context.bodies);
    dir_unlock(lock_fd);
    return n;
}

// ---- operations ----

void *op_new(const struct store_op_type *type) {
    struct store_op *op = mem_zalloc(1, type->size);
    op->type = type;
    return op;
}

char *op_copy(struct slice s, size_t max) {
    bool ok = s.len <= max && slice_find(s, '\0') == s.len;
    return mem_strndup(s.ptr, ok ? s.len : 0);
}

void op_copy_into(struct slice s, char *ret, size_t size) {
    bool ok = s.len < size && slice_find(s, '\0') == s.len;
    if (ok && s.len > 0)
        memcpy(ret, s.ptr, s.len);
    ret[ok ? s.len : 0] = '\0';
}

void store_op_submit(struct store *s, struct loop *loop, struct store_op *op, void (*done)(struct store_op *),
                     void *arg) {
    op->store = s;
    op->loop = loop;
    op->done = done;
    op->arg = arg;
    executor_submit(s->executor, op);
}

void store_op_cancel(struct store_op *op) {
    op->cancelled = true;
}

void store_op_free(struct store_op *op) {
    if (op == NULL)
        return;
    if (op->type->free_fields != NULL)
        op->type->free_fields(op);
    free(op);
}

static void finish_on_loop(struct loop_task *task) {
    struct store_op *op = CONTAINER_OF(task, struct store_op, task);
    if (op->cancelled || op->done == NULL)
        store_op_free(op);
    else
        op->done(op);
}

void op_complete(struct store_op *op) {
    if (op->loop == NULL) {
        store_op_free(op);
        return;
    }
    op->task.run = finish_on_loop;
    loop_post(op->loop, &op->task);
}
