// SPDX-License-Identifier: MIT
#include "store/body_job.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/op.h"
#include "store/store_internal.h"

void body_file_init(struct body_file *f, struct body_dir *dir) {
    *f = (struct body_file){.dir = dir, .fd = -1};
    random_bytes(f->key, sizeof(f->key));
}

void body_file_close(struct body_file *f) {
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

static enum store_status failed(const char *what) {
    int err = errno;
    if (err == ENOSPC || err == EDQUOT || err == EFBIG)
        return STORE_FULL;
    log_error("store.body_failed", "step=%s errno=%d", what, err);
    return STORE_FAILED;
}

static bool write_fully(int fd, uint64_t offset, const uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static enum store_status run_chunk(struct body_job *job) {
    struct body_file *f = job->file;
    if (!body_dir_has_room(f->dir))
        return failed("write");
    if (f->fd < 0) {
        ASSERT(job->index == 0);
        f->fd = body_dir_create(f->dir, &f->name, &f->named);
        if (f->fd < 0)
            return failed("create");
    }
    uint8_t *sealed = mem_alloc(job->len + BODY_TAG_LEN);
    body_chunk_seal(f->key, job->index, job->last, job->plain, job->len, sealed);
    bool ok = write_fully(f->fd, job->index * BODY_SEALED_CHUNK, sealed, job->len + BODY_TAG_LEN);
    enum store_status status = ok ? STORE_OK : failed("write");
    free(sealed);
    return status;
}

static enum store_status run_publish(struct body_job *job) {
    struct body_file *f = job->file;
    if (!body_dir_publish(f->dir, f->fd, &f->name, f->named))
        return failed("publish");
    f->named = true;
    body_file_close(f);
    return STORE_OK;
}

static enum store_status run_discard(struct body_job *job) {
    body_file_close(&job->own);
    if (job->own.named)
        body_dir_unlink(job->own.dir, &job->own.name);
    return STORE_OK;
}

static enum store_status run(struct store_op *op) {
    struct body_job *job = CONTAINER_OF(op, struct body_job, op);
    switch (job->kind) {
    case BODY_JOB_CHUNK:
        return run_chunk(job);
    case BODY_JOB_PUBLISH:
        return run_publish(job);
    case BODY_JOB_DISCARD:
        return run_discard(job);
    }
    UNREACHABLE();
}

static void free_fields(struct store_op *op) {
    free(CONTAINER_OF(op, struct body_job, op)->plain);
}

static const struct store_op_type job_type = {
    .name = "body_job",
    .size = sizeof(struct body_job),
    .mode = STORE_OP_BULK,
    .run_bulk = run,
    .free_fields = free_fields,
};

struct body_job *body_job_new(struct body_file *f, enum body_job_kind kind) {
    struct body_job *job = op_new(&job_type);
    job->file = f;
    job->kind = kind;
    return job;
}

void body_file_discard(struct body_file *f, struct store *s) {
    if (f->fd < 0 && !f->named)
        return;
    struct body_job *job = body_job_new(NULL, BODY_JOB_DISCARD);
    job->own = *f;
    f->fd = -1;
    store_op_submit(s, NULL, &job->op, NULL, NULL);
}

void body_file_unlink(struct store *s, const struct body_name *name) {
    struct body_job *job = body_job_new(NULL, BODY_JOB_DISCARD);
    job->own = (struct body_file){.dir = store_body_dir(s), .fd = -1, .name = *name, .named = true};
    store_op_submit(s, NULL, &job->op, NULL, NULL);
}
