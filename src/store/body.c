// SPDX-License-Identifier: MIT
// The loop's side of a body. Full chunks become BULK operations (body_job.h); at most two of them are under way, and
// the first alone, because it makes the file. Everything here runs on the body's loop; a job in flight holds a
// reference.
#include "store/body.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/body_job.h"
#include "store/body_view.h"
#include "store/store_internal.h"

enum { FIRST_TAIL = 4096, JOBS_MAX = 2 };

struct store_body {
    struct store *store;
    struct loop *loop;
    unsigned refs; // the owner, each job in flight, the posted task
    bool orphan;   // the owner is gone
    enum store_status status;

    uint64_t size;
    EVP_MD_CTX *digest;
    char *tail; // plaintext that is not in a chunk yet
    size_t tail_len, tail_cap;
    uint64_t n_chunks;              // handed over so far
    struct store_op *waiting;       // chunks that are not under way yet, in order
    struct store_op **waiting_link; // where the next one goes
    bool file_made;                 // the first chunk is written
    unsigned n_waiting, n_running;
    bool paused;
    void (*on_ready)(void *arg);
    void *on_ready_arg;

    bool finishing, finished;
    void (*on_finished)(void *arg, enum store_status status);
    void *on_finished_arg;
    struct loop_task task;

    struct body_file file; // written by jobs
    uint8_t *sealed;       // inline
    bool kept;             // set by the writer while an operation holds the body
};

static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch_digest(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ASSERT(sha256 != NULL);
}

struct store_body *store_body_new(struct store *s, struct loop *loop) {
    ASSERT(pthread_once(&digest_once, fetch_digest) == 0);
    struct store_body *b = MEM_NEW(struct store_body);
    b->store = store_ref(s);
    b->loop = loop;
    b->refs = 1;
    b->waiting_link = &b->waiting;
    body_file_init(&b->file, store_body_dir(s));
    b->digest = EVP_MD_CTX_new();
    ASSERT(b->digest != NULL && EVP_DigestInit_ex2(b->digest, sha256, NULL) == 1);
    return b;
}

static void drop_waiting(struct store_body *b) {
    while (b->waiting != NULL) {
        struct store_op *op = b->waiting;
        b->waiting = op->next;
        store_op_free(op);
    }
    b->waiting_link = &b->waiting;
    b->n_waiting = 0;
}

static void unref(struct store_body *b) {
    ASSERT(b->refs > 0);
    if (--b->refs > 0)
        return;
    drop_waiting(b);
    if (!b->kept)
        body_file_discard(&b->file, b->store);
    else
        body_file_close(&b->file);
    EVP_MD_CTX_free(b->digest);
    OPENSSL_cleanse(b->file.key, sizeof(b->file.key));
    free(b->tail);
    free(b->sealed);
    store_unref(b->store);
    free(b);
}

void store_body_free(struct store_body *b) {
    if (b == NULL)
        return;
    ASSERT(!b->orphan);
    b->orphan = true;
    drop_waiting(b);
    unref(b);
}

static void post_finished(struct loop_task *task) {
    struct store_body *b = CONTAINER_OF(task, struct store_body, task);
    if (!b->orphan && b->on_finished != NULL)
        b->on_finished(b->on_finished_arg, b->status);
    unref(b);
}

static void finish_later(struct store_body *b) {
    b->finished = true;
    b->refs++;
    b->task.run = post_finished;
    loop_post(b->loop, &b->task);
}

static void advance(struct store_body *b);

static void on_job_done(struct store_op *op) {
    struct body_job *job = CONTAINER_OF(op, struct body_job, op);
    struct store_body *b = op->arg;
    b->n_running--;
    b->file_made = true;
    if (op->status != STORE_OK && b->status == STORE_OK)
        b->status = op->status;
    bool was_publish = job->kind == BODY_JOB_PUBLISH;
    store_op_free(op);
    if (b->status != STORE_OK)
        drop_waiting(b);
    if (!b->orphan) {
        if (was_publish)
            finish_later(b);
        else
            advance(b);
        if (b->paused && b->n_waiting + b->n_running < JOBS_MAX) {
            b->paused = false;
            if (b->on_ready != NULL)
                b->on_ready(b->on_ready_arg);
        }
    }
    unref(b);
}

static void start_job(struct store_body *b, struct store_op *op) {
    b->n_running++;
    b->refs++;
    store_op_submit(b->store, b->loop, op, on_job_done, b);
}

// Starts what may start now.
static void advance(struct store_body *b) {
    while (b->waiting != NULL && b->n_running < (b->file_made ? JOBS_MAX : 1)) {
        struct store_op *op = b->waiting;
        b->waiting = op->next;
        if (b->waiting == NULL)
            b->waiting_link = &b->waiting;
        b->n_waiting--;
        start_job(b, op);
    }
    if (!b->finishing || b->finished || b->waiting != NULL || b->n_running > 0)
        return;
    if (b->status == STORE_OK)
        start_job(b, &body_job_new(&b->file, BODY_JOB_PUBLISH)->op);
    else
        finish_later(b);
}

// Hands the tail over as the next chunk.
static void push_chunk(struct store_body *b, bool last) {
    struct body_job *job = body_job_new(&b->file, BODY_JOB_CHUNK);
    job->index = b->n_chunks++;
    job->last = last;
    job->plain = b->tail;
    job->len = b->tail_len;
    b->tail = NULL;
    b->tail_len = b->tail_cap = 0;
    *b->waiting_link = &job->op;
    b->waiting_link = &job->op.next;
    b->n_waiting++;
}

static void append_tail(struct store_body *b, const char *ptr, size_t len) {
    if (b->tail_len + len > b->tail_cap) {
        size_t cap = b->n_chunks > 0 ? BODY_CHUNK : b->tail_cap > 0 ? b->tail_cap : FIRST_TAIL;
        while (cap < b->tail_len + len)
            cap *= 2;
        b->tail = mem_realloc(b->tail, cap);
        b->tail_cap = cap;
    }
    memcpy(b->tail + b->tail_len, ptr, len);
    b->tail_len += len;
}

bool store_body_write(struct store_body *b, struct slice octets) {
    ASSERT(!b->finishing);
    if (octets.len == 0)
        return !b->paused;
    ASSERT(EVP_DigestUpdate(b->digest, octets.ptr, octets.len) == 1);
    b->size += octets.len;
    if (b->status == STORE_OK && b->size > BODY_SIZE_MAX)
        b->status = STORE_INVALID;
    if (b->status != STORE_OK) // nobody will read it; finish() tells
        return true;
    while (octets.len > 0) {
        if (b->tail_len == BODY_CHUNK)
            push_chunk(b, false);
        size_t room = BODY_CHUNK - b->tail_len;
        size_t n = octets.len < room ? octets.len : room;
        append_tail(b, octets.ptr, n);
        octets = slice_sub(octets, n, octets.len);
    }
    advance(b);
    b->paused = b->n_waiting + b->n_running >= JOBS_MAX;
    return !b->paused;
}

void store_body_set_on_ready(struct store_body *b, void (*on_ready)(void *arg), void *arg) {
    b->on_ready = on_ready;
    b->on_ready_arg = arg;
}

bool store_body_peek(const struct store_body *b, struct slice *ret_octets) {
    if (b->status != STORE_OK || b->n_chunks > 0 || b->finishing)
        return false;
    *ret_octets = slice_make(b->tail, b->tail_len);
    return true;
}

uint64_t store_body_size(const struct store_body *b) {
    return b->size;
}

void store_body_digest(struct store_body *b, uint8_t ret_sha256[32]) {
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    ASSERT(copy != NULL && EVP_MD_CTX_copy_ex(copy, b->digest) == 1);
    ASSERT(EVP_DigestFinal_ex(copy, ret_sha256, NULL) == 1);
    EVP_MD_CTX_free(copy);
}

void store_body_finish(struct store_body *b, void (*done)(void *arg, enum store_status status), void *arg) {
    ASSERT(!b->finishing);
    b->finishing = true;
    b->on_finished = done;
    b->on_finished_arg = arg;
    if (b->n_chunks > 0) {
        if (b->status == STORE_OK)
            push_chunk(b, true);
        advance(b);
        return;
    }
    b->sealed = mem_alloc(b->tail_len + BODY_TAG_LEN);
    body_chunk_seal(b->file.key, 0, true, b->tail, b->tail_len, b->sealed);
    free(b->tail);
    b->tail = NULL;
    finish_later(b);
}

bool body_get_view(const struct store_body *b, struct body_view *ret) {
    if (!b->finished || b->status != STORE_OK)
        return false;
    *ret = (struct body_view){.key = b->file.key, .size = b->size};
    if (b->sealed == NULL) {
        ret->file = &b->file.name;
    } else {
        ret->sealed = b->sealed;
        ret->sealed_len = (size_t)body_sealed_size(b->size);
    }
    return true;
}

void body_set_kept(struct store_body *b) {
    b->kept = true;
}
